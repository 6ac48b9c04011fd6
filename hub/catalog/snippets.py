"""How a version is fetched and used elsewhere: lines to copy, for a shell and for Python."""

from __future__ import annotations

import shlex

from django.conf import settings

from hub.catalog.models import File, Model, Version
from hub.catalog.repositories import ref_name

# What diffusers calls the classes that open a folder of its own layout; each stands on the file that tells of one.
FOLDERS = {
    Model.Type.CHECKPOINT: ("DiffusionPipeline", "model_index.json"),
    Model.Type.CONTROLNET: ("ControlNetModel", "config.json"),
    Model.Type.VAE: ("AutoencoderKL", "config.json"),
}
LORAS = (Model.Type.LORA, Model.Type.LOCON, Model.Type.DORA)


def snippets(version: Version, file: File, url: str, *, first: bool) -> list[tuple[str, str]]:
    """(program, lines) for a served file. url: where it is downloaded; first: it is the version that its model
    shows first, so that no revision needs to be named.

    A shell holds neither this browser's links nor its session: curl is given the key, and where one must sign in the
    place of a token."""
    model = version.model
    if model.status == Model.Status.UNLISTED and model.link_key:
        url = f"{url}{'&' if '?' in url else '?'}key={model.link_key}"
    token = '-H "Authorization: Bearer $TOKEN" ' if settings.DOWNLOADS_SIGN_IN or model.sign_in_to_download else ""
    found = [("curl", f"curl -LOJ {token}{shlex.quote(url)}")]
    if version.revision is None:
        return found
    paths = dict(version.revision.entries.values_list("path", "blob_id"))
    path = next((path for path, blob in paths.items() if blob == file.blob_id), "")
    repo = f"{version.model.owner.username}/{version.model.slug}"
    tag = "" if first else ref_name(version.name)
    if path:
        revision = f" --revision {shlex.quote(tag)}" if tag else ""
        hf = f"hf download {repo} {shlex.quote(path)}{revision}"
        found.append(("hf", f"export HF_ENDPOINT={shlex.quote(settings.PUBLIC_URL)}\n{hf}"))
    if lines := _diffusers(version, repo, path, f", revision={tag!r}" if tag else "", set(paths)):
        set_up = f'import os\nos.environ["HF_ENDPOINT"] = {settings.PUBLIC_URL!r}  # before the next line'
        found.append(("diffusers", f"{set_up}\n{lines}"))
    return found


def _diffusers(version: Version, repo: str, path: str, revision: str, paths: set[str]) -> str:
    kind = Model.Type(version.model.type)
    if kind in FOLDERS:
        name, tells = FOLDERS[kind]
        if tells not in paths:
            return ""
        return f"from diffusers import {name}\nit = {name}.from_pretrained({repo!r}{revision})"
    begin = "from diffusers import DiffusionPipeline\npipe = DiffusionPipeline.from_pretrained(…)  # its base"
    if kind in LORAS and path.endswith(".safetensors"):
        return f"{begin}\npipe.load_lora_weights({repo!r}, weight_name={path!r}{revision})"
    if kind == Model.Type.TEXTUAL_INVERSION and path:
        token = f", token={version.trigger_words[0]!r}" if version.trigger_words else ""
        return f"{begin}\npipe.load_textual_inversion({repo!r}, weight_name={path!r}{token}{revision})"
    return ""
