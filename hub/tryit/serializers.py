"""The shapes of the generation service: recipe in; state, progress and pictures out."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from msgspec.structs import replace
from rest_framework import serializers
from rest_framework.request import Request

from hub.accounts.models import User
from hub.gallery import recipes
from hub.gallery.models import Frame, Picture, Strip
from hub.gallery.queries import board_of, picture_url
from hub.tryit import queries
from hub.tryit.stacks import MAX_COUNT, MAX_PROMPT, MAX_SEED, file_named, use_of
from workers import blocks, hints, plots, prompts
from workers.errors import Refusal
from workers.messages import Axis, Recipe, Use


def person(request: HttpRequest | Request) -> User:
    """Who is signed in; views ask for somebody before they call this."""
    assert isinstance(request.user, User)
    return request.user


NAMED = "A version's number, or the SHA-256 of its file (64 hex)."


class Named(serializers.RegexField):
    """A version's number or a SHA-256."""

    def __init__(self, **options: Any) -> None:
        super().__init__(r"^([0-9]{1,18}|[0-9A-Fa-f]{64})$", **options)


PICTURE = "The SHA-256 of a picture drawn here or sent with material=true."


class HintInput(serializers.Serializer):
    """The picture that a ControlNet or T2I-Adapter reads."""

    picture = serializers.RegexField(r"^[0-9a-f]{64}$", help_text=PICTURE)
    preprocessor = serializers.ChoiceField(list(hints.PREPROCESSORS), default="none")
    low = serializers.FloatField(required=False, min_value=0, max_value=5000, help_text="Its first threshold.")
    high = serializers.FloatField(required=False, min_value=0, max_value=5000, help_text="Its second threshold.")
    resize = serializers.ChoiceField(list(hints.RESIZES), default="Crop and Resize")
    mode = serializers.ChoiceField(list(hints.MODES), default="Balanced", help_text="Whom to heed.")
    start = serializers.FloatField(default=0.0, min_value=0, max_value=1, help_text="Of the steps.")
    end = serializers.FloatField(default=1.0, min_value=0, max_value=1, help_text="Of the steps.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        usual = hints.PREPROCESSORS[attrs["preprocessor"]]
        return {"low": usual[0], "high": usual[1]} | attrs


class SourceInput(serializers.Serializer):
    """The picture that a drawing starts from."""

    picture = serializers.RegexField(r"^[0-9a-f]{64}$", help_text=PICTURE)
    denoising = serializers.FloatField(default=0.75, min_value=0, max_value=1, help_text="How much is drawn anew.")
    resize = serializers.ChoiceField(list(hints.RESIZES), default="Just Resize")
    mask = serializers.RegexField(
        r"^([0-9a-f]{64})?$", default="", allow_blank=True, help_text=f"White: drawn anew. {PICTURE}"
    )
    invert = serializers.BooleanField(default=False, help_text="Black is drawn anew.")
    blur = serializers.IntegerField(default=4, min_value=0, max_value=64, help_text="Of the mask's edge, in pixels.")
    fill = serializers.ChoiceField(list(hints.FILLS), default="fill", help_text="What stands under the mask at first.")
    only_masked = serializers.BooleanField(default=False, help_text="Draw what is masked alone, at the full size.")
    padding = serializers.IntegerField(default=32, min_value=0, max_value=512, help_text="Around it, in pixels.")


BLOCKS = "12, 17, 20 or 26 block weights as in A1111's lbw=, in a list or as text; or INALL, MIDD, OUTALL and others."


@extend_schema_field({"oneOf": [{"type": "array", "items": {"type": "number"}, "maxItems": 26}, {"type": "string"}]})
class BlocksField(serializers.Field):
    """A list of block weights, as numbers or as people write them."""

    def to_internal_value(self, data: Any) -> tuple[float, ...]:
        try:
            if isinstance(data, list) and all(type(value) in (int, float) for value in data):
                return blocks.checked(data)
            if isinstance(data, str) and len(data) <= 500:
                return blocks.read(data) if data.strip() else ()
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from error
        raise serializers.ValidationError("Block weights are a list of numbers, or a text.")

    def to_representation(self, value: tuple[float, ...]) -> list[float]:
        return list(value)


class UseInput(serializers.Serializer):
    version = serializers.IntegerField(required=False, min_value=1, help_text="A version's number; or sha256.")
    sha256 = serializers.RegexField(r"^[0-9A-Fa-f]{64}$", required=False, help_text="The file's SHA-256; or version.")
    weight = serializers.FloatField(default=1.0, min_value=-10, max_value=10, help_text="Of the UNet.")
    text_weight = serializers.FloatField(
        required=False, allow_null=True, min_value=-10, max_value=10, help_text="Of the text encoders; none: as weight."
    )
    blocks = BlocksField(required=False, help_text=BLOCKS)
    token = serializers.CharField(
        required=False, allow_blank=True, max_length=100, help_text="The word that an inversion answers to."
    )
    hint = HintInput(required=False, allow_null=True, help_text="For ControlNets and T2I-Adapters.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("version" in attrs) == ("sha256" in attrs):
            raise serializers.ValidationError("Name each adapter by version or by sha256, one of the two.")
        return attrs


class SettingsInput(serializers.Serializer):
    """What decides a picture beside its files and its prompt; what is left out is the base's board's."""

    negative = serializers.CharField(required=False, allow_blank=True, max_length=MAX_PROMPT, trim_whitespace=False)
    sampler = serializers.CharField(required=False, max_length=60, help_text="Euler a, DPM++ 2M, DPM++ 2M Karras, …")
    schedule = serializers.CharField(required=False, max_length=40, help_text="Automatic, Karras, Exponential, …")
    steps = serializers.IntegerField(required=False, min_value=1)
    cfg = serializers.FloatField(required=False, min_value=0, max_value=30)
    seed = serializers.IntegerField(required=False, min_value=-1, max_value=MAX_SEED, help_text="−1: drawn here.")
    width = serializers.IntegerField(required=False, min_value=64, help_text="A multiple of 8.")
    height = serializers.IntegerField(required=False, min_value=64, help_text="A multiple of 8.")
    clip_skip = serializers.IntegerField(required=False, min_value=1, max_value=12)
    dialect = serializers.ChoiceField(list(prompts.DIALECTS), required=False, help_text="How the prompts are read.")
    emphasis = serializers.ChoiceField(list(prompts.EMPHASES), required=False, help_text="How brackets count.")
    rng = serializers.ChoiceField(["CPU", "GPU"], required=False, help_text="Where A1111 would draw its noise.")
    ensd = serializers.IntegerField(
        required=False, min_value=-MAX_SEED, max_value=MAX_SEED, help_text="Eta noise seed delta."
    )
    variation_seed = serializers.IntegerField(required=False, min_value=-1, max_value=MAX_SEED, help_text="−1: drawn.")
    variation_strength = serializers.FloatField(required=False, min_value=0, max_value=1)
    discard_penultimate = serializers.BooleanField(required=False, help_text="Of every schedule's sigmas.")
    vae = Named(required=False, allow_blank=True, help_text=f"Decodes it instead of the base's own. {NAMED}")


class AxisInput(serializers.Serializer):
    name = serializers.ChoiceField([name for name in plots.AXES if name not in plots.WORDINGS])
    values = serializers.CharField(max_length=2000, help_text="4, 8, 12 · 1-10 (+3) · 1-10 [4] · Euler a, DPM++ 2M")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"axis": plots.axis(attrs["name"], attrs["values"])}
        except Refusal as refused:
            raise serializers.ValidationError(refused.sentence) from refused


CHOICES = "{a|b} and __list__ in the prompts: each combination is drawn, as a plot. False: they are only letters."


class GenerationCreateInput(SettingsInput):
    """A recipe. The JSON of a picture's page can be sent as it is."""

    base = Named(help_text=f"The base model. {NAMED}")
    uses = UseInput(many=True, required=False, help_text="The stack, in order.")
    prompt = serializers.CharField(default="", allow_blank=True, max_length=MAX_PROMPT, trim_whitespace=False)
    refiner = Named(required=False, allow_blank=True, help_text=f"A second base, which draws on in the end. {NAMED}")
    refiner_switch_at = serializers.FloatField(
        required=False, min_value=0, max_value=1, help_text="Of the way, where it begins; 0.8 where it is left out."
    )
    count = serializers.IntegerField(default=1, min_value=1, max_value=MAX_COUNT, help_text="Seeds count up.")
    choices = serializers.BooleanField(default=True, help_text=CHOICES)
    plot = AxisInput(many=True, required=False, help_text="X, Y and Z of a plot; count is left alone.")
    source = SourceInput(  # type: ignore[assignment]  # a field of that name, not its own attribute
        required=False, allow_null=True, help_text="What it starts from; none: from noise."
    )

    @property
    def axes(self) -> list[Axis]:
        """The plot's axes; none where no plot is asked for."""
        return [one["axis"] for one in self.validated_data.get("plot", [])]

    def recipe(self, user: Any) -> Recipe:
        """The recipe with its files found. Raises `FileNotHere`."""
        data = dict(self.validated_data)
        data.pop("count")
        data.pop("plot", None)
        data.pop("choices")
        base = file_named(user, data.pop("base"))
        uses = [_use(user, use) for use in data.pop("uses", [])]
        for name in ("vae", "refiner"):
            if data.get(name):
                data[name] = file_named(user, data[name]).blob_id
        if source := data.pop("source", None):
            data["source"] = hints.Source(**source)
        board = next(iter(board_of(base)), None)
        given: dict[str, Any] = {"seed": -1}
        if board is not None:
            given |= {"width": board.width, "height": board.height, "steps": board.steps, "cfg": board.cfg}
            if "sampler" not in data:
                given["sampler"] = board.sampler
        return Recipe(
            base=base.blob_id,
            base_family=base.version.base.family,
            base_name=base.version.model.name,
            uses=tuple(uses),
            **(given | data),
        )


def _use(user: Any, given: dict[str, Any]) -> Use:
    use = use_of(file_named(user, given.get("sha256") or given["version"]), given["weight"])
    hint = hints.Hint(**given["hint"]) if given.get("hint") else None
    token = given.get("token") or use.token
    return replace(use, hint=hint, token=token, text_weight=given.get("text_weight"), blocks=given.get("blocks", ()))


class PreviewCreateInput(SettingsInput):
    """A strip of the caller's choice: every prompt at every weight, with equal seeds."""

    prompts = serializers.ListField(
        child=serializers.CharField(max_length=700), min_length=1, max_length=16, help_text="Drawn as they are."
    )
    weights = serializers.ListField(
        child=serializers.FloatField(min_value=-10, max_value=10),
        min_length=1,
        max_length=16,
        default=[0.0, 0.5, 0.8, 1.0],
        help_text="0 is the base alone.",
    )
    base = Named(required=False, help_text=f"By default the base that the board strip stands on. {NAMED}")


class PromptReadInput(serializers.Serializer):
    """Words to be read before anything is drawn."""

    prompt = serializers.CharField(default="", allow_blank=True, max_length=MAX_PROMPT, trim_whitespace=False)
    negative = serializers.CharField(default="", allow_blank=True, max_length=MAX_PROMPT, trim_whitespace=False)
    base = Named(required=False, help_text=f"The base that named adapters must fit. {NAMED}")
    steps = serializers.IntegerField(default=20, min_value=1, max_value=150)
    dialect = serializers.ChoiceField(list(prompts.DIALECTS), default="a1111")


class NamedOutput(serializers.Serializer):
    name = serializers.CharField()
    kind = serializers.CharField()
    weight = serializers.FloatField()
    state = serializers.CharField(help_text="found, missing, misfit, offered")
    sentence = serializers.CharField()
    version = serializers.IntegerField(source="file.version_id", allow_null=True, default=None)
    sha256 = serializers.CharField(source="file.blob_id", allow_null=True, default=None)


class MixedOutput(serializers.Serializer):
    text = serializers.CharField()
    weight = serializers.FloatField()


class PromptReadOutput(serializers.Serializer):
    """A prompt as it will be drawn."""

    tokens = serializers.IntegerField(help_text="Of its longest text, as A1111 counts.")
    room = serializers.IntegerField(help_text="75 for each chunk.")
    negative_tokens = serializers.IntegerField()
    negative_room = serializers.IntegerField()
    parts = MixedOutput(many=True, help_text="What AND mixes.")
    changes = serializers.IntegerField(help_text="How often the words change on the way.")
    named = NamedOutput(many=True, help_text="Adapters that the prompt names.")
    offered = NamedOutput(many=True, help_text="Inversions of this hub whose word it says, not in the stack.")
    warnings = serializers.ListField(child=serializers.CharField())
    pictures = serializers.IntegerField(help_text="How many {a|b} and __list__ make; 0: too many, or not understood.")
    problems = serializers.ListField(child=serializers.CharField(), help_text="Why it cannot be drawn as written.")


class PictureOutput(serializers.ModelSerializer):
    url = serializers.SerializerMethodField(help_text="The PNG, which carries the recipe.")
    page = serializers.SerializerMethodField()
    seed = serializers.SerializerMethodField()

    class Meta:
        model = Picture
        fields = ["id", "sha256", "width", "height", "seed", "url", "page", "visible"]
        read_only_fields = fields

    @extend_schema_field(str)
    def get_url(self, picture: Picture) -> str:
        return settings.PUBLIC_URL + picture_url(picture)

    @extend_schema_field(str)
    def get_page(self, picture: Picture) -> str:
        return settings.PUBLIC_URL + reverse("gallery:picture-detail", args=[picture.pk])

    @extend_schema_field(int)
    def get_seed(self, picture: Picture) -> int:
        return recipes.read(picture.recipe).seed


class RecipeOutput(serializers.Serializer):
    """workers.messages.Recipe: every file by SHA-256."""

    base = serializers.CharField()
    base_family = serializers.CharField()
    base_name = serializers.CharField()
    uses = serializers.ListField(child=serializers.DictField())
    prompt = serializers.CharField()
    negative = serializers.CharField()
    sampler = serializers.CharField()
    schedule = serializers.CharField()
    steps = serializers.IntegerField()
    cfg = serializers.FloatField()
    seed = serializers.IntegerField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    clip_skip = serializers.IntegerField()
    dialect = serializers.CharField(default="a1111")
    emphasis = serializers.CharField(default="Original")
    rng = serializers.CharField(default="CPU")
    ensd = serializers.IntegerField(default=0)
    variation_seed = serializers.IntegerField(default=0)
    variation_strength = serializers.FloatField(default=0.0)
    discard_penultimate = serializers.BooleanField(default=False)
    vae = serializers.CharField(default="")
    vae_name = serializers.CharField(default="")
    refiner = serializers.CharField(default="")
    refiner_name = serializers.CharField(default="")
    refiner_switch_at = serializers.FloatField(default=0.8)
    source = serializers.DictField(default=None, allow_null=True)  # type: ignore[assignment]


class ProgressOutput(serializers.Serializer):
    stage = serializers.CharField(help_text="starting, fetching, loading, waiting, drawing, storing")
    step = serializers.IntegerField()
    steps = serializers.IntegerField()
    picture = serializers.IntegerField(help_text="Which of the pictures, from 0.")
    preview = serializers.CharField(help_text="A small PNG of the latents, base64; or empty.")


class AxisOutput(serializers.Serializer):
    name = serializers.CharField()
    values = serializers.ListField(child=serializers.CharField())


class GenerationOutput(serializers.Serializer):
    """Takes a `queries.GenerationView`."""

    id = serializers.UUIDField(source="generation.id")
    state = serializers.CharField(help_text="queued, running, done, failed, cancelled")
    sentence = serializers.CharField(help_text="Where it stands, for people.")
    place = serializers.IntegerField(help_text="In line: 1 is next; 0 where it is not waiting.")
    seconds_left = serializers.FloatField(allow_null=True, help_text="From the median of the last 20 alike.")
    progress = ProgressOutput(allow_null=True)
    pictures = PictureOutput(many=True)
    sheet = PictureOutput(source="generation.sheet", allow_null=True, help_text="A plot's contact sheet.")
    plot = AxisOutput(source="generation.plot", many=True, help_text="What it changes along X, Y and Z.")
    recipe = RecipeOutput(source="generation.recipe")
    count = serializers.IntegerField(source="generation.count")
    attempt = serializers.IntegerField(source="generation.attempt")
    error_code = serializers.CharField(source="generation.error_code")
    seconds = serializers.FloatField(source="generation.seconds", allow_null=True)
    created_at = serializers.DateTimeField(source="generation.created_at")
    finished_at = serializers.DateTimeField(source="generation.finished_at", allow_null=True)
    url = serializers.SerializerMethodField(help_text="Ask here for news.")

    @extend_schema_field(str)
    def get_url(self, view: queries.GenerationView) -> str:
        return settings.PUBLIC_URL + reverse("tryit:api-generation-detail", args=[view.generation.pk])


class GenerationPageOutput(serializers.Serializer):
    items = GenerationOutput(many=True)
    next = serializers.CharField(allow_null=True, help_text="The address of the next page.")


class FrameOutput(serializers.ModelSerializer):
    state = serializers.SerializerMethodField(help_text="drawn, queued, running, failed, cancelled")
    error = serializers.SerializerMethodField()
    picture = PictureOutput(allow_null=True)
    generation = serializers.UUIDField(source="generation_id", allow_null=True)

    class Meta:
        model = Frame
        fields = ["prompt", "position", "weight", "state", "error", "picture", "generation"]
        read_only_fields = fields

    @extend_schema_field(str)
    def get_state(self, frame: Frame) -> str:
        if frame.picture is not None:
            return "drawn"
        return frame.generation.status if frame.generation and frame.generation.status != "done" else "failed"

    @extend_schema_field(str)
    def get_error(self, frame: Frame) -> str:
        return frame.generation.error if frame.generation and frame.picture is None else ""


class StripOutput(serializers.ModelSerializer):
    """A strip: every frame that was asked for, drawn or not yet."""

    version = serializers.IntegerField(source="version_id")
    base_version = serializers.IntegerField(source="base_version_id")
    frames = serializers.SerializerMethodField()

    class Meta:
        model = Strip
        fields = ["id", "version", "base_version", "board", "created_at", "frames"]
        read_only_fields = fields

    @extend_schema_field(FrameOutput(many=True))
    def get_frames(self, strip: Strip) -> list[dict[str, Any]]:
        frames = strip.frames.select_related("picture", "generation")
        return list(FrameOutput(frames, many=True).data)
