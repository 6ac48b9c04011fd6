"""What inspection finds, in the words that people and Civitai use."""

from hub.catalog.models import Model

# The workers' plug → the type that people filter by.
TYPES = {
    "base": Model.Type.CHECKPOINT,
    "lora": Model.Type.LORA,
    "locon": Model.Type.LOCON,
    "loha": Model.Type.LOCON,
    "lokr": Model.Type.LOCON,
    "ia3": Model.Type.LOCON,
    "oft": Model.Type.LOCON,
    "boft": Model.Type.LOCON,
    "glora": Model.Type.LOCON,
    "full": Model.Type.LOCON,
    "norm": Model.Type.LOCON,
    "dora": Model.Type.DORA,
    "textual_inversion": Model.Type.TEXTUAL_INVERSION,
    "hypernetwork": Model.Type.HYPERNETWORK,
    "controlnet": Model.Type.CONTROLNET,
    "t2i_adapter": Model.Type.CONTROLNET,
    "vae": Model.Type.VAE,
    "taesd": Model.Type.VAE,
    "upscaler": Model.Type.UPSCALER,
    "motion_module": Model.Type.MOTION_MODULE,
    "text_encoder": Model.Type.TEXT_ENCODER,
    "vision_encoder": Model.Type.VISION_ENCODER,
}
# Civitai's word for a file that is not the model itself.
FILE_KINDS = {"vae": "VAE", "taesd": "VAE", "text_encoder": "Text Encoder", "vision_encoder": "Vision Encoder"}
VARIANTS = {"inpainting": "Inpainting", "refiner": "Refiner", "instruct-pix2pix": "Pix2Pix"}
VARIANTS |= {f"nano-{variant}": name for variant, name in VARIANTS.items()}
