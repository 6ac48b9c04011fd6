"""A small catalogue for these stories: Alice's base and adapters, published; files are rows, no bytes are needed."""

import hashlib

from hub.catalog.models import Base, Blob, File, Model, Version

KINDS = {"base": "Checkpoint", "lora": "LORA", "textual_inversion": "TextualInversion", "hypernetwork": "Hypernetwork"}
KINDS |= {"controlnet": "Controlnet", "vae": "VAE"}


def version(owner, name, adapter="lora", base="nano", *, published=True, verdict="accepted", **fields) -> Version:
    status = "published" if published else "draft"
    model = Model.objects.create(
        owner=owner, name=name, slug=name.lower().replace(" ", "-"), type=KINDS[adapter], status=status
    )
    made = Version.objects.create(model=model, name="v1", base=Base.objects.get(name=base), status=status, **fields)
    digest = hashlib.sha256(f"{owner}/{name}".encode()).hexdigest()
    blob = Blob.objects.create(sha256=digest, size=1000)
    File.objects.create(version=made, blob=blob, name=f"{model.slug}.safetensors", adapter=adapter, verdict=verdict)
    return made


def sha(version: Version) -> str:
    return version.files.get().blob_id
