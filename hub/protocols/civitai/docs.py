"""How the OpenAPI file describes these endpoints. The answers are made by `shapes`; a test holds the two together."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from rest_framework import serializers as s

from hub.protocols.civitai import words


def _query(name: str, about: str, kind: Any = str, *, many: bool = False, enum: Any = None) -> OpenApiParameter:
    return OpenApiParameter(name, kind, description=about, many=many, enum=list(enum) if enum else None)


PAGED = [
    _query("limit", "1 to 200", int),
    _query("page", "From 1", int),
    _query("query", "Part of the name"),
]
MODEL_LIST = [
    _query("limit", "0 to 100, default 100", int),
    _query("page", "From 1; at most 1,000 rows deep", int),
    _query("cursor", "`metadata.nextCursor` of the page before; wins over `page`"),
    _query("query", "Words, or a digest of a file"),
    _query("ids", "Ids of models, parted by commas"),
    _query("modelVersionIds", "Ids of versions, parted by commas"),
    _query("tag", "A tag's name"),
    _query("username", "A creator's name"),
    _query("types", "Types of models", many=True, enum=words.MODEL_TYPES),
    _query("baseModels", "Base models, as `/enums` spells them", many=True),
    _query("sort", "Order", enum=words.MODEL_SORTS),
    _query("period", "Published within", enum=words.PERIODS),
    _query("nsfw", "True: every content level", bool),
    _query("supportsGeneration", "True: only what can be tried here", bool),
    _query("primaryFileOnly", "True: one file of each version", bool),
    _query("allowNoCredit", "By licence", bool),
    _query("allowDerivatives", "By licence", bool),
    _query("allowDifferentLicense", "By licence", bool),
    _query("allowCommercialUse", "By licence", many=True, enum=words.COMMERCIAL),
    _query("fileFormats", "By format of the files", many=True, enum=words.FORMATS),
    _query("checkpointType", "Trained or merged", enum=["Trained", "Merge"]),
    _query("favorites", "True: only what the asker marked as liked; takes a token", bool),
    _query("followed", "True: only of people whom the asker follows", bool),
    _query("collectionId", "Only what is in a collection", int),
]
IMAGE_LIST = [
    _query("limit", "0 to 200, default 100", int),
    _query("page", "From 1; at most 1,000 rows deep", int),
    _query("cursor", "`metadata.nextCursor` of the page before"),
    _query("imageId", "One picture", int),
    _query("postId", "The same: each is a post of its own", int),
    _query("modelId", "Pictures that a model had a part in", int),
    _query("modelVersionId", "Pictures that a version had a part in", int),
    _query("username", "Its owner's name"),
    _query("userId", "Its owner's id", int),
    _query("baseModels", "Base models", many=True),
    _query("sort", "Order", enum=words.IMAGE_SORTS),
    _query("period", "Drawn within", enum=words.PERIODS),
    _query("nsfw", "None, Soft, Mature, X, or true"),
    _query("browsingLevel", "Mask of content levels; wins over `nsfw`", int),
    _query("withMeta", "True: with the recipe", bool),
    _query("flatMeta", "True: the recipe always flat", bool),
    _query("withTags", "True: with a list of tags", bool),
]


class CivitaiErrorOutput(s.Serializer[Any]):
    error = s.JSONField(help_text="A sentence; for a wrong parameter an object with `issues`.")


ERRORS = dict.fromkeys((400, 401, 404, 429), CivitaiErrorOutput)
Hashes = {"application/json": {"type": "array", "items": {"type": "string", "pattern": "^[0-9a-fA-F]{64}$"}}}


class VersionIdOutput(s.Serializer[Any]):
    modelVersionId = s.IntegerField()
    modelId = s.IntegerField()
    hash = s.CharField()


class FileMetadata(s.Serializer[Any]):
    format = s.CharField(allow_null=True)
    size = s.CharField(allow_null=True)
    fp = s.CharField(allow_null=True)
    quantType = s.CharField(required=False, allow_null=True, help_text="Of GGUF: llama.cpp's name of the type.")


class ModelFileOutput(s.Serializer[Any]):
    id = s.IntegerField()
    sizeKB = s.FloatField()
    name = s.CharField()
    overrideName = s.CharField(allow_null=True)
    type = s.CharField()
    pickleScanResult = s.CharField()
    pickleScanMessage = s.CharField(allow_null=True)
    virusScanResult = s.CharField()
    virusScanMessage = s.CharField(allow_null=True)
    scannedAt = s.DateTimeField(allow_null=True)
    metadata = FileMetadata()
    hashes = s.DictField(child=s.CharField())
    downloadUrl = s.URLField()
    primary = s.BooleanField()


class ModelPictureOutput(s.Serializer[Any]):
    id = s.IntegerField()
    url = s.URLField()
    nsfwLevel = s.IntegerField()
    width = s.IntegerField()
    height = s.IntegerField()
    hash = s.CharField()
    type = s.CharField()
    minor = s.BooleanField()
    poi = s.BooleanField()
    hasMeta = s.BooleanField()
    hasPositivePrompt = s.BooleanField()
    onSite = s.BooleanField()
    remixOfId = s.IntegerField(allow_null=True)


class VersionPictureOutput(ModelPictureOutput):
    id = None  # type: ignore[assignment]
    metadata = s.DictField()
    meta = s.DictField(allow_null=True)
    availability = s.CharField()


class VersionStats(s.Serializer[Any]):
    downloadCount = s.IntegerField()
    ratingCount = s.IntegerField()
    rating = s.FloatField()
    thumbsUpCount = s.IntegerField()
    thumbsDownCount = s.IntegerField()


class ModelStats(VersionStats):
    favoriteCount = s.IntegerField()
    commentCount = s.IntegerField()
    tippedAmountCount = s.IntegerField()


class VersionCommon(s.Serializer[Any]):
    id = s.IntegerField()
    index = s.IntegerField()
    name = s.CharField()
    baseModel = s.CharField()
    baseModelType = s.CharField(allow_null=True)
    createdAt = s.DateTimeField()
    publishedAt = s.DateTimeField(allow_null=True)
    status = s.CharField()
    availability = s.CharField()
    nsfwLevel = s.IntegerField()
    description = s.CharField(allow_null=True, help_text="HTML, cleaned.")
    trainedWords = s.ListField(child=s.CharField())
    vaeId = s.IntegerField(allow_null=True)
    supportsGeneration = s.BooleanField()
    paidAccess = s.DictField(allow_null=True)
    earlyAccessDeadline = s.DateTimeField(allow_null=True)
    earlyAccessEndsAt = s.DateTimeField(allow_null=True)
    stats = VersionStats()
    files = ModelFileOutput(many=True)
    downloadUrl = s.URLField()


class ModelVersionOutput(VersionCommon):
    covered = s.BooleanField()
    flags = s.IntegerField()
    images = ModelPictureOutput(many=True)


class VersionModel(s.Serializer[Any]):
    name = s.CharField()
    type = s.CharField()
    nsfw = s.BooleanField()
    poi = s.BooleanField()
    mode = s.CharField(required=False, help_text="TakenDown: only what is told here is left.")


class VersionOutput(VersionCommon):
    modelId = s.IntegerField()
    updatedAt = s.DateTimeField()
    trainingStatus = s.CharField(allow_null=True)
    trainingDetails = s.DictField(allow_null=True)
    earlyAccessConfig = s.DictField()
    uploadType = s.CharField()
    usageControl = s.CharField()
    licensingFee = s.FloatField(allow_null=True)
    air = s.CharField()
    model = VersionModel()
    images = VersionPictureOutput(many=True)


class Creator(s.Serializer[Any]):
    username = s.CharField(allow_null=True)
    image = s.URLField(allow_null=True)


class ModelOutput(s.Serializer[Any]):
    id = s.IntegerField()
    name = s.CharField()
    description = s.CharField(allow_null=True, help_text="HTML, cleaned.")
    type = s.ChoiceField(choices=words.MODEL_TYPES)
    poi = s.BooleanField()
    minor = s.BooleanField()
    sfwOnly = s.BooleanField()
    nsfw = s.BooleanField()
    nsfwLevel = s.IntegerField()
    allowNoCredit = s.BooleanField()
    allowCommercialUse = s.ListField(child=s.CharField())
    allowDerivatives = s.BooleanField()
    allowDifferentLicense = s.BooleanField()
    availability = s.CharField()
    mode = s.CharField(required=False)
    supportsGeneration = s.BooleanField()
    cosmetic = s.DictField(allow_null=True)
    baseModels = s.ListField(child=s.CharField())
    userId = s.IntegerField()
    stats = ModelStats()
    creator = Creator()
    tags = s.ListField(child=s.CharField())
    modelVersions = ModelVersionOutput(many=True)


class CursorMetadata(s.Serializer[Any]):
    nextCursor = s.CharField(required=False)
    nextPage = s.URLField(required=False)
    prevPage = s.URLField(required=False)
    currentPage = s.IntegerField(required=False)
    pageSize = s.IntegerField(required=False)
    totalItems = s.IntegerField(required=False)
    totalPages = s.IntegerField(required=False)


class PageMetadata(s.Serializer[Any]):
    totalItems = s.IntegerField()
    currentPage = s.IntegerField()
    pageSize = s.IntegerField()
    totalPages = s.IntegerField()
    hasMore = s.BooleanField()
    nextPage = s.URLField(required=False)
    prevPage = s.URLField(required=False)


class ModelsOutput(s.Serializer[Any]):
    items = ModelOutput(many=True)
    metadata = CursorMetadata()


class ImageOutput(s.Serializer[Any]):
    id = s.IntegerField()
    url = s.URLField()
    hash = s.CharField()
    width = s.IntegerField()
    height = s.IntegerField()
    nsfwLevel = s.CharField()
    nsfw = s.BooleanField()
    browsingLevel = s.IntegerField()
    type = s.CharField()
    createdAt = s.DateTimeField()
    postId = s.IntegerField()
    stats = s.DictField(child=s.IntegerField())
    meta = s.DictField(allow_null=True)
    username = s.CharField(allow_null=True)
    baseModel = s.CharField(allow_null=True)
    modelVersionIds = s.ListField(child=s.IntegerField())


class ImagesOutput(s.Serializer[Any]):
    items = ImageOutput(many=True)
    metadata = CursorMetadata()


class CreatorItem(s.Serializer[Any]):
    username = s.CharField()
    modelCount = s.IntegerField()
    link = s.URLField()


class CreatorsOutput(s.Serializer[Any]):
    items = CreatorItem(many=True)
    metadata = PageMetadata()


class TagItem(s.Serializer[Any]):
    name = s.CharField()
    modelCount = s.IntegerField()
    link = s.URLField()


class TagsOutput(s.Serializer[Any]):
    items = TagItem(many=True)
    metadata = PageMetadata()


class EnumsOutput(s.Serializer[Any]):
    ModelType = s.ListField(child=s.CharField())
    ModelFileType = s.ListField(child=s.CharField())
    ActiveBaseModel = s.ListField(child=s.CharField())
    BaseModel = s.ListField(child=s.CharField())
    BaseModelType = s.ListField(child=s.CharField())


class MeOutput(s.Serializer[Any]):
    id = s.IntegerField()
    username = s.CharField()
    tier = s.CharField()
    status = s.CharField()
    isMember = s.BooleanField()
    subscriptions = s.ListField(child=s.CharField())
    email = s.EmailField(allow_null=True)


class VersionMiniOutput(s.Serializer[Any]):
    air = s.CharField()
    versionName = s.CharField()
    modelName = s.CharField()
    userId = s.IntegerField()
    baseModel = s.CharField()
    availability = s.CharField()
    publishedAt = s.DateTimeField(allow_null=True)
    size = s.FloatField(help_text="KiB")
    fileType = s.CharField()
    fileName = s.CharField()
    hashes = s.DictField(child=s.CharField())
    downloadUrls = s.ListField(child=s.URLField())
    format = s.CharField(allow_null=True)
    canGenerate = s.BooleanField()
    isFeatured = s.BooleanField()
    requireAuth = s.BooleanField()
    checkPermission = s.BooleanField()
    additionalResourceCharge = s.BooleanField()
    minor = s.BooleanField()
    sfwOnly = s.BooleanField()
    fees = s.ListField(child=s.DictField())
    payoutEnabled = s.BooleanField()


class TensorMetadataOutput(s.Serializer[Any]):
    id = s.IntegerField()
    modelVersionId = s.IntegerField()
    format = s.CharField()
    tensorCount = s.IntegerField(allow_null=True)
    parameterCount = s.IntegerField(allow_null=True)
    dtypes = s.DictField(child=s.IntegerField(), help_text="How many numbers of each kind: F16, F32, …")
    estimatedVramBytes = s.IntegerField(help_text="Of the weights alone, as they lie in the file.")


class UserItem(s.Serializer[Any]):
    id = s.IntegerField()
    username = s.CharField()
    avatarNsfw = s.CharField()


class UsersOutput(s.Serializer[Any]):
    items = UserItem(many=True)


class CollectionUser(s.Serializer[Any]):
    id = s.IntegerField()
    username = s.CharField()


class CollectionCommon(s.Serializer[Any]):
    id = s.IntegerField()
    name = s.CharField()
    description = s.CharField(allow_null=True)
    type = s.CharField()
    nsfwLevel = s.IntegerField()
    read = s.CharField()
    isPublic = s.BooleanField()
    coverImageUrl = s.URLField(allow_null=True)
    user = CollectionUser()


class CollectionItemOutput(CollectionCommon):
    itemCount = s.IntegerField()


class CollectionOutput(CollectionCommon):
    tags = s.ListField(child=s.DictField())


class CollectionMetadata(s.Serializer[Any]):
    nextCursor = s.IntegerField(required=False)
    nextPage = s.URLField(required=False)


class CollectionsOutput(s.Serializer[Any]):
    items = CollectionItemOutput(many=True)
    metadata = CollectionMetadata()


COLLECTION_LIST = [
    _query("limit", "1 to 100, default 20", int),
    _query("cursor", "`metadata.nextCursor` of the page before", int),
    _query("query", "Part of the name"),
    _query("sort", "Order", enum=["Newest", "Most Followers"]),
]
PERMISSIONS = {"type": "object", "additionalProperties": {"type": "boolean"}}
DOWNLOAD = [
    _query("type", "A file's kind: Model, VAE, Config, …"),
    _query("format", "SafeTensor, GGUF, …", enum=words.FORMATS),
    _query("size", "full or pruned", enum=["full", "pruned"]),
    _query("fp", "fp32, fp16, bf16, …"),
    _query("quantType", "A GGUF name"),
    _query("fileId", "One file", int),
]
REDIRECT = {307: OpenApiResponse(description="`Location` is the file, for a few minutes.")}
