"""Servers that speak the Hugging Face Hub's protocol, another hub of this kind among them.

A repository's commit becomes one version. Its card (README.md) is the description; what its head says of licence, base,
trigger words and pictures is taken over.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from workers import folders, web
from workers.addresses import parsed
from workers.errors import Refusal
from workers.fetch_messages import ListShelf, LookUp, ShelfListed, ToldFile, ToldModel, ToldPicture, ToldVersion
from workers.messages import PictureRecipe
from workers.sources.values import hexes, items, line, mapping, text, texts

WEIGHTS = (".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".gguf")
PICTURES = (".png", ".jpg", ".jpeg", ".webp")
CARD_BYTES = 1024**2
MOST_FILES, PAGE = 60, 100
# What trainers leave beside the weights, of no use to whoever draws.
NO_WEIGHTS = re.compile(r"optimizer|scheduler\.|random_states|training_args|rng_state|scaler\.pt", re.IGNORECASE)
# A head of YAML, two lines of dashes around it.
_HEAD = re.compile(r"\A---\s*\n.*?\n---\s*(?:\n|\Z)", re.DOTALL)
TYPES = {
    "lora": "LORA", "locon": "LoCon", "lycoris": "LoCon", "dora": "DoRA", "textual_inversion": "TextualInversion",
    "hypernetwork": "Hypernetwork", "controlnet": "Controlnet", "vae": "VAE", "upscaler": "Upscaler",
}  # fmt: skip
# A repository's or a base's name says which base it is; the tensors have the last word.
BASES = (
    (re.compile(r"stable-diffusion-v1-5|stable-diffusion-v1\.5|sd-?v?1[.-]5|\bsd 1\.5\b", re.IGNORECASE), "SD 1.5"),
    (re.compile(r"stable-diffusion-v1-4", re.IGNORECASE), "SD 1.4"),
    (re.compile(r"stable-diffusion-2-1|\bsd 2\.1\b", re.IGNORECASE), "SD 2.1"),
    (re.compile(r"stable-diffusion-2\b", re.IGNORECASE), "SD 2.0"),
    (re.compile(r"sdxl-turbo", re.IGNORECASE), "SDXL Turbo"),
    (re.compile(r"illustrious", re.IGNORECASE), "Illustrious"),
    (re.compile(r"noobai", re.IGNORECASE), "NoobAI"),
    (re.compile(r"pony", re.IGNORECASE), "Pony"),
    (re.compile(r"stable-diffusion-xl|sdxl", re.IGNORECASE), "SDXL 1.0"),
    (re.compile(r"stable-diffusion-3\.5-large", re.IGNORECASE), "SD 3.5 Large"),
    (re.compile(r"stable-diffusion-3\.5-medium", re.IGNORECASE), "SD 3.5 Medium"),
    (re.compile(r"stable-diffusion-3", re.IGNORECASE), "SD 3"),
    (re.compile(r"flux\.?1-schnell", re.IGNORECASE), "Flux.1 S"),
    (re.compile(r"flux\.?1", re.IGNORECASE), "Flux.1 D"),
)
# What licences allow, for the four flags: credit may be left out, commercial use, changes, other terms.
EVERYTHING = ("Image", "RentCivit", "Rent", "Sell")
OPEN_LICENCES = re.compile(
    r"mit|apache-2\.0|bsd.*|cc0-1\.0|unlicense|openrail.*|creativeml-openrail.*|bigscience-.*|wtfpl"
)
TAGS_APART = re.compile(r"[\w.-]+:.*|diffusers|text-to-image|safetensors|pytorch|onnx|gguf|template.*")


def look_up(asked: LookUp, token: str) -> ToldModel:
    """The repository under a link, as one version. Raises ``Refusal``."""
    host, revision = parsed(asked.server).host, asked.revision or "main"
    api = f"{asked.server}/api/models/{asked.repo}"
    told = web.json(f"{api}/revision/{quote(revision, safe='')}?blobs=true", token=token, server=asked.server)
    if not isinstance(told, dict) or not isinstance(told.get("siblings"), list):
        raise web.Elsewhere("not-json", f"{host} does not answer as the Hugging Face Hub does.")
    commit = hexes(told.get("sha"), 40) or revision
    siblings = [mapping(one) for one in items(told.get("siblings"), 10_000)]
    base = f"{asked.server}/{asked.repo}/resolve/{quote(commit, safe='')}"
    left_out: list[str] = []
    files = _files(siblings, base, asked, left_out)
    card = mapping(told.get("cardData"))
    tags = texts(told.get("tags"), 80, 200)
    licence = line(card.get("license_name") or card.get("license"), 80)
    version = ToldVersion(
        remote=_name_of(files),
        name=_version_name(asked, commit),
        link=f"{asked.server}/{asked.repo}/tree/{quote(commit, safe='')}",
        base=_base(card, tags),
        trigger_words=_words(card, told),
        published_at=line(told.get("lastModified"), 40),
        files=tuple(files),
        pictures=_pictures(siblings, card, base, asked),
    )
    owner, _, name = asked.repo.partition("/")
    return ToldModel(
        remote=asked.repo,
        name=line(name.replace("-", " ").replace("_", " "), 120) or name,
        link=f"{asked.server}/{asked.repo}",
        type=next((TYPES[tag.lower()] for tag in tags if tag.lower() in TYPES), ""),
        description=_card(siblings, base, asked.server, token),
        creator=line(told.get("author"), 80) or owner,
        tags=tuple(tag for tag in tags if not TAGS_APART.fullmatch(tag))[:20],
        level=16 if "not-for-all-audiences" in tags else 1,
        licence=licence,
        versions=(version,),
        left_out=tuple(left_out),
        **(_own_flags(told) or _flags(licence)),
    )


def _files(siblings: list[dict[str, Any]], base: str, asked: LookUp, left_out: list[str]) -> list[ToldFile]:
    """The weights to take: the file that was named, or those at the top of the repository, each content once."""
    found: dict[str, ToldFile] = {}
    in_folders = False
    for one in siblings:
        path = line(one.get("rfilename"), 400)
        if asked.path and path != asked.path:
            continue
        if not path.lower().endswith(WEIGHTS) or NO_WEIGHTS.search(path):
            continue
        if "/" in path and not asked.path:
            in_folders = True
            continue
        lfs = mapping(one.get("lfs"))
        sha256 = hexes(lfs.get("sha256") or lfs.get("oid"), 64)
        size = lfs.get("size") or one.get("size")
        name = PurePosixPath(path).name
        file = ToldFile(
            url=f"{base}/{quote(path)}",
            name=name,
            size=size if isinstance(size, int) and size > 0 else 0,
            digests={"sha256": sha256} if sha256 else {},
        )
        known = found.get(sha256 or path)
        if known is None or known.name == "pytorch_lora_weights.safetensors":  # a second name for loaders
            found[sha256 or path] = file
    host = parsed(asked.server).host
    if asked.path and not found:
        raise Refusal("not-there", f"{host} has no weights called {asked.path[:100]} in {asked.repo}.")
    if in_folders and not found:
        raise Refusal(
            "a-folder", f"{asked.repo} is a folder of diffusers, not a file. Give the link of one file of it."
        )
    if not found:
        raise Refusal("no-weights", f"{asked.repo} holds no weights.")
    if in_folders:
        left_out.append("Weights in folders of the repository were left out; give the link of one to import it.")
    # A ControlNet or VAE that a hub of this kind has also written as diffusers reads it: the file itself is enough.
    alone = [key for key, file in found.items() if file.name == folders.WEIGHTS_ALONE]
    if alone and any(not file.name.startswith("diffusion_pytorch_model") for file in found.values()):
        del found[alone[0]]
    if len(found) > MOST_FILES:
        left_out.append(f"Only the first {MOST_FILES} of its {len(found)} files were taken.")
    return list(found.values())[:MOST_FILES]


def _name_of(files: list[ToldFile]) -> str:
    """The same weights are the same version, whatever else was committed beside them."""
    told = sorted(file.digests.get("sha256") or file.url for file in files)
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:40]


def _version_name(asked: LookUp, commit: str) -> str:
    if asked.path:
        return line(PurePosixPath(asked.path).stem, 80)
    named = (
        asked.revision and asked.revision not in {"main", commit} and not re.fullmatch(r"[0-9a-f]{40}", asked.revision)
    )
    return line(asked.revision, 80) if named else commit[:8]


def _base(card: dict[str, Any], tags: tuple[str, ...]) -> str:
    said = card.get("base_model")
    names = [line(said, 200)] if isinstance(said, str) else list(texts(said, 200, 5))
    names += [tag.rsplit(":", 1)[-1] for tag in tags if tag.startswith("base_model:")]
    for name in filter(None, names):
        for pattern, base in BASES:
            if pattern.search(name):
                return base
    return names[0][:60] if names else ""


def _words(card: dict[str, Any], told: dict[str, Any]) -> tuple[str, ...]:
    """Diffusers' training scripts write ``instance_prompt``; another hub of this kind lists all."""
    own = texts(told.get("triggerWords"), 200, 50)
    said = line(card.get("instance_prompt"), 200)
    return own or ((said,) if said and said.lower() != "none" else ())


def _flags(licence: str) -> dict[str, Any]:
    """What a licence allows, as the four flags; what is not known to allow a thing does not."""
    name = licence.lower()
    if OPEN_LICENCES.fullmatch(name):
        credit_free = name in {"cc0-1.0", "unlicense", "wtfpl"} or "openrail" in name
        return {
            "allow_no_credit": credit_free,
            "allow_commercial_use": EVERYTHING,
            "allow_different_licence": "openrail" not in name,
        }
    if name.startswith("cc-by"):
        commercial = () if "-nc" in name else EVERYTHING
        return {
            "allow_commercial_use": commercial,
            "allow_derivatives": "-nd" not in name,
            "allow_different_licence": "-sa" not in name and "-nd" not in name,
        }
    return {}


def _own_flags(told: dict[str, Any]) -> dict[str, Any]:
    """Another hub of this kind tells the four flags themselves."""
    if not isinstance(told.get("allowNoCredit"), bool):
        return {}
    return {
        "allow_no_credit": told["allowNoCredit"],
        "allow_commercial_use": tuple(use for use in EVERYTHING if use in items(told.get("allowCommercialUse"), 10)),
        "allow_derivatives": told.get("allowDerivatives") is True,
        "allow_different_licence": told.get("allowDifferentLicense") is True,
    }


def _card(siblings: list[dict[str, Any]], base: str, server: str, token: str) -> str:
    if not any(one.get("rfilename") == "README.md" for one in siblings):
        return ""
    try:
        card = web.text(f"{base}/README.md", token=token, server=server, most=CARD_BYTES).decode("utf-8", "replace")
    except web.Elsewhere as error:
        if error.retry:
            raise
        return ""
    return text(_HEAD.sub("", card.replace("\r\n", "\n")), 100_000)


def _pictures(
    siblings: list[dict[str, Any]], card: dict[str, Any], base: str, asked: LookUp
) -> tuple[ToldPicture, ...]:
    """The card's examples with their prompts first, then what pictures lie in the repository."""
    there = [line(one.get("rfilename"), 400) for one in siblings]
    pictures = {path: "" for path in there if path.lower().endswith(PICTURES)}
    told: dict[str, str] = {}
    for one in map(mapping, items(card.get("widget"), 50)):
        path = line(mapping(one.get("output")).get("url"), 400).removeprefix("./")
        if path in pictures:
            told[path] = text(one.get("text"), 20_000)
    ordered = told | {path: "" for path in pictures if path not in told}
    found = []
    for path, prompt in list(ordered.items())[: asked.pictures]:
        recipe = PictureRecipe(program="Hugging Face", prompt=prompt) if prompt and prompt != "-" else None
        found.append(ToldPicture(key=f"{asked.repo}/{path}"[:190], url=f"{base}/{quote(path)}", recipe=recipe))
    return tuple(found)


def list_shelf(asked: ListShelf, token: str) -> ShelfListed:
    """One page of an owner's repositories, or of those with a tag. Raises ``Refusal``."""
    if asked.what not in {"username", "tag"}:
        raise Refusal("not-told", f"{parsed(asked.server).host} lists the repositories of a person or of a tag only.")
    query = {"author" if asked.what == "username" else "filter": asked.value, "limit": str(PAGE), "full": "true"}
    query["sort"] = "lastModified"
    if asked.cursor:
        query["cursor"] = asked.cursor
    with web.asked(f"{asked.server}/api/models?{urlencode(query)}", token=token, server=asked.server) as answer:
        told = web.decoded(answer)
        following = parse_qs(urlsplit(_next(answer.headers.get("Link", ""))).query).get("cursor", [""])[0]
    names = [line(mapping(one).get("id"), 200) for one in items(told, PAGE)]
    links = tuple(
        f"{asked.server}/{name}" for name in names if re.fullmatch(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", name)
    )
    return ShelfListed(id=asked.id, attempt=asked.attempt, links=links, cursor=following[:1000] if links else "")


def _next(link: str) -> str:
    """The address of the next page in a ``Link`` header (RFC 8288)."""
    found = re.search(r'<([^<>]{1,4000})>;\s*rel="?next"?', link)
    return found[1] if found else ""
