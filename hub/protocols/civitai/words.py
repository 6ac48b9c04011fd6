"""The words of Civitai's API: types, sorts, periods, levels."""

from hub.catalog.models import Model, Version

MODEL_TYPES = [
    "Checkpoint", "TextualInversion", "Hypernetwork", "AestheticGradient", "LORA", "LoCon", "DoRA", "Controlnet",
    "Upscaler", "MotionModule", "VAE", "TextEncoder", "UNet", "CLIPVision", "Poses", "Wildcards", "Workflows",
    "ComfyWorkflows", "Detection", "VisionLanguage", "CLIP", "LLM", "Other",
]  # fmt: skip
FILE_TYPES = [
    "Model", "Text Encoder", "Vision Encoder", "Pruned Model", "Negative", "Training Data", "VAE", "Config", "Archive",
    "UNet", "Diffusion Model", "CLIPVision", "ControlNet", "Workflow", "Upscaler", "Enhancement LoRA", "Other",
]  # fmt: skip
BASE_MODEL_TYPES = ["Standard", "Inpainting", "Refiner", "Pix2Pix"]
FORMATS = ["SafeTensor", "PickleTensor", "GGUF", "Diffusers", "Core ML", "ONNX", "Other"]
COMMERCIAL = ["None", "Image", "RentCivit", "Rent", "Sell"]
MODEL_SORTS = {
    "Highest Rated": "likes", "Most Downloaded": "downloads", "Most Liked": "likes", "Most Discussed": "comments",
    "Most Collected": "collected", "Most Images": "pictures", "Newest": "newest", "Oldest": "oldest",
}  # fmt: skip
IMAGE_SORTS = ["Most Reactions", "Most Comments", "Most Collected", "Newest", "Oldest", "Random"]
PERIODS = {"Day": 1, "Week": 7, "Month": 30, "Year": 365, "AllTime": 0}
LEVEL_WORDS = {1: "None", 2: "Soft", 4: "Mature", 8: "X", 16: "X", 32: "Blocked"}
LEVELS_NAMED = {"none": 1, "soft": 3, "mature": 7, "x": 31, "blocked": 32}
STATUS: dict[str, str] = {
    Version.Status.PUBLISHED: "Published",
    Version.Status.DRAFT: "Draft",
    Version.Status.TAKEN_DOWN: "UnpublishedViolation",
    Version.Status.DELETED: "Deleted",
    Model.Status.TAKEN_DOWN: "UnpublishedViolation",
}
# Asked for as a base model, these make clients show the list of choices that the refusal names.
MAGIC_BASES = {"getmodels", "gimmethelist"}
