"""What a header's metadata tells: trigger words, rank, base, data set, training. Read as text from a stranger.

The names are those of kohya-ss/sd-scripts (`ss_*`), ModelSpec 1.0.1, ai-toolkit and OneTrainer (`ot_config`).
Every value is a string, compound ones hold JSON or a Python tuple's text; nothing is evaluated. The uploaded file
itself is never changed: only what we keep and show is bounded and cleaned.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from workers.files.text import clean

HASH = re.compile(r"(?:0x)?([0-9a-fA-F]{8,64})\Z")
HASH_FIELDS = (
    "sshs_model_hash",
    "sshs_legacy_hash",
    "modelspec.hash_sha256",
    "ss_sd_model_hash",
    "ss_new_sd_model_hash",
    "ss_vae_hash",
    "ss_new_vae_hash",
)
# SHA-256 of nothing, which a trainer once wrote into every file (ostris/ai-toolkit#130).
HASH_OF_NOTHING = "e3b0c44298fc"

MAX_KEYS = 500
MAX_KEY = 200
MAX_VALUE = 64 * 1024
MAX_KEPT = 512 * 1024
MAX_AUTHOR_TEXT = 10_000
MAX_WORDS = 20
MAX_WORD = 100
MAX_TAGS = 100_000
TOP_TAGS = 50
MAX_JSON = 16 * 1024**2
MAX_DEPTH = 8
# A tag in this share of a folder's captions is what the folder teaches.
TRIGGER_SHARE = 0.9

# Pictures as text, megabytes of them; and a trainer's whole configuration, which may hold paths and access keys.
LEFT_OUT = re.compile(
    r"modelspec\.thumbnail|ssmd_cover_images|ot_config|ss_tag_frequency|.*(password|secret|api_?key|token)\Z"
)

_BASES = (
    (re.compile(r"sdxl|stable-diffusion-xl|^xl", re.IGNORECASE), "sdxl"),
    (re.compile(r"^sd_?3|stable-diffusion-3|sd3", re.IGNORECASE), "sd3"),
    (re.compile(r"^sd_?v?2|stable-diffusion-v2", re.IGNORECASE), "sd2"),
    (re.compile(r"^sd_?v?1|stable-diffusion-v1", re.IGNORECASE), "sd1"),
    (re.compile(r"flux", re.IGNORECASE), "flux1"),
)


@dataclass(frozen=True)
class Described:
    """What metadata says. ``base_family`` is only its word; tensors know better."""

    kept: dict[str, str] = field(default_factory=dict)
    trigger_words: tuple[str, ...] = ()
    base_family: str = ""
    sshs: str = ""
    summary: dict[str, Any] = field(default_factory=dict)


def describe(metadata: Mapping[str, str]) -> Described:
    """Everything that can be told from a header's metadata; what is missing or makes no sense is left out.

    ``kept`` are the strings themselves, cleaned: at most `MAX_KEYS` of them, each at most `MAX_VALUE` letters, all
    together at most `MAX_KEPT`. ``summary`` is plain JSON for the page. Raises nothing.
    """
    folders = _folders(metadata)
    summary = {
        "network": _network(metadata),
        "resolution": _resolution(metadata),
        "base": _base(metadata),
        "dataset": _dataset(metadata, folders),
        "training": _training(metadata),
        "author": _author(metadata),
    }
    return Described(
        kept=_kept(metadata),
        trigger_words=tuple(_trigger_words(metadata, folders)),
        base_family=_base_family(metadata),
        sshs=_sshs(metadata),
        summary={name: value for name, value in summary.items() if value},
    )


def hash_of(value: str) -> str:
    """The lower-case hex digits of a hash field, without ``0x``; empty where it is none."""
    found = HASH.match(value.strip()) if len(value) < 100 else None
    return found[1].lower() if found else ""


def _sshs(metadata: Mapping[str, str]) -> str:
    """The hash that A1111 and Forge believe before they compute one; empty where none is usable."""
    for key in ("sshs_model_hash", "modelspec.hash_sha256"):
        found = hash_of(metadata.get(key, ""))
        # Whole bytes: digests are kept as such.
        if len(found) >= 12 and len(found) % 2 == 0 and not found.startswith(HASH_OF_NOTHING):
            return found
    return ""


def _kept(metadata: Mapping[str, str]) -> dict[str, str]:
    kept: dict[str, str] = {}
    room = MAX_KEPT
    # Short ones first: a tag table of megabytes must not push the others out.
    for key, value in sorted(metadata.items(), key=lambda item: len(item[1]))[:MAX_KEYS]:
        name = clean(key, MAX_KEY)
        if key in HASH_FIELDS and not hash_of(value):
            continue
        left_out = LEFT_OUT.match(key.lower())
        shown = f"({len(value):,} letters, not kept here)" if left_out else clean(value, MAX_VALUE)
        room -= len(name) + len(shown)
        if room < 0:
            break
        kept[name] = shown
    return kept


# --- reading values ---------------------------------------------------------------------------------------------


def _json(text: str) -> Any:
    """The JSON in a value; None where there is none, or more of it than is sane."""
    if not text or len(text) > MAX_JSON:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if _depth_within(value, MAX_DEPTH) else None


def _depth_within(value: Any, levels: int) -> bool:
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return True
    return levels > 0 and all(_depth_within(inner, levels - 1) for inner in value)


def _number(value: object) -> int | float | None:
    """A finite number from a string or a JSON value; whole where it is whole. None, "None", "Dynamic" are none."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)) or len(str(value)[:50]) > 40:
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    if not math.isfinite(number) or abs(number) > 1e15:
        return None
    return int(number) if number == int(number) else number


def _line(value: object, limit: int = 200) -> str:
    """One cleaned line; empty for what trainers write when they know nothing."""
    text = " ".join(clean(value, limit).split()) if isinstance(value, str) else ""
    return "" if text in {"None", "null"} else text


def _filled(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, value in pairs if value not in (None, "", [], {})}


# --- parts of the summary ---------------------------------------------------------------------------------------


def _network(metadata: Mapping[str, str]) -> dict[str, Any]:
    arguments = _json(metadata.get("ss_network_args", ""))
    arguments = arguments if isinstance(arguments, dict) else {}
    return _filled(
        [
            ("module", _line(metadata.get("ss_network_module"))),
            ("rank", _number(metadata.get("ss_network_dim"))),
            ("alpha", _number(metadata.get("ss_network_alpha"))),
            ("algo", _line(arguments.get("algo"), 40)),
            ("conv_rank", _number(arguments.get("conv_dim"))),
            ("conv_alpha", _number(arguments.get("conv_alpha"))),
        ]
    )


def _resolution(metadata: Mapping[str, str]) -> list[int]:
    """[width, height] from "(512, 512)", "512,512", "512" or "1024x1024"."""
    text = metadata.get("ss_resolution") or metadata.get("modelspec.resolution") or ""
    sides = [int(side) for side in re.findall(r"\d{1,6}", text[:100])][:2]
    if not sides or not all(16 <= side <= 65_536 for side in sides):
        return []
    return sides * 2 if len(sides) == 1 else sides


def _base_family(metadata: Mapping[str, str]) -> str:
    named = [metadata.get("ss_base_model_version", ""), metadata.get("modelspec.architecture", "")]
    for name in named:
        for pattern, family in _BASES:
            if pattern.search(name[:100]):
                return family
    if metadata.get("ss_v2") == "True":
        return "sd2"
    return ""


def _base(metadata: Mapping[str, str]) -> dict[str, Any]:
    return _filled(
        [
            ("family", _base_family(metadata)),
            ("version", _line(metadata.get("ss_base_model_version"))),
            ("architecture", _line(metadata.get("modelspec.architecture"))),
            # Base names are often paths on the trainer's computer; the last part says all.
            ("name", re.split(r"[\\/]", _line(metadata.get("ss_sd_model_name")))[-1]),
            ("sha256", hash_of(metadata.get("ss_new_sd_model_hash", ""))),
            ("autov1", hash_of(metadata.get("ss_sd_model_hash", ""))),
            ("vae", re.split(r"[\\/]", _line(metadata.get("ss_vae_name")))[-1]),
            ("prediction", _line(metadata.get("modelspec.prediction_type"), 40)),
            ("merged_from", _line(metadata.get("modelspec.merged_from"))),
        ]
    )


@dataclass(frozen=True)
class Folder:
    """One folder of training pictures: its tags by count, its pictures, repeats, and the words that stand for it."""

    name: str
    tags: dict[str, int]
    images: int
    repeats: int
    words: str


def _folders(metadata: Mapping[str, str]) -> list[Folder]:
    tables = _json(metadata.get("ss_tag_frequency", ""))
    places = _json(metadata.get("ss_dataset_dirs", ""))
    words = dict(_class_tokens(metadata))
    tables = tables if isinstance(tables, dict) else {}
    places = places if isinstance(places, dict) else {}
    folders = []
    left = MAX_TAGS
    for name in dict.fromkeys([*tables, *places, *words]):
        table, place = tables.get(name), places.get(name)
        place = place if isinstance(place, dict) else {}
        tags = dict(_tags(table, left)) if isinstance(table, dict) else {}
        left -= len(tags)
        repeats, folder_words = _folder_name(name)
        folders.append(
            Folder(
                name=name,
                tags=tags,
                images=int(_number(place.get("img_count")) or 0),
                repeats=int(_number(place.get("n_repeats")) or repeats),
                words=words.get(name) or folder_words,
            )
        )
    return folders


def _tags(table: dict[str, Any], most: int) -> Iterator[tuple[str, int]]:
    for tag, count in list(table.items())[: max(0, most)]:
        number = _number(count)
        if (word := _line(tag, MAX_WORD)) and number and number > 0:
            yield word, int(number)


def _class_tokens(metadata: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each subset's folder and the words that stand for it, from ``ss_datasets``."""
    datasets = _json(metadata.get("ss_datasets", ""))
    for dataset in datasets if isinstance(datasets, list) else []:
        subsets = dataset.get("subsets") if isinstance(dataset, dict) else None
        for subset in subsets if isinstance(subsets, list) else []:
            if isinstance(subset, dict) and (word := _line(subset.get("class_tokens"), MAX_WORD)):
                place = subset.get("image_dir")
                yield (place if isinstance(place, str) else word), word


def _folder_name(name: str) -> tuple[int, str]:
    """kohya's ``N_trigger class``: the repeats and the words; no words for any other name."""
    found = re.match(r"(\d{1,5})_(.+)\Z", re.split(r"[\\/]", name)[-1], re.DOTALL)
    return (int(found[1]), _line(found[2], MAX_WORD)) if found else (1, "")


def _trigger_words(metadata: Mapping[str, str], folders: list[Folder]) -> list[str]:
    """The author's own phrase; else tags in nearly every caption of a folder; else what the folders stand for."""
    if phrase := _line(metadata.get("modelspec.trigger_phrase"), 1000):
        return _words(phrase.split(","))
    tags = [tag for folder in folders for tag in _constant_tags(folder)]
    return _words(tags or [folder.words for folder in folders])


def _constant_tags(folder: Folder) -> list[str]:
    # Without a count of pictures, the commonest tag's count is the best bound.
    images = folder.images or max(folder.tags.values(), default=0)
    constant = [(count, tag) for tag, count in folder.tags.items() if count >= TRIGGER_SHARE * images]
    return [tag for _, tag in sorted(constant, key=lambda pair: -pair[0])]


def _words(texts: Iterable[str]) -> list[str]:
    words = dict.fromkeys(word for text in texts if (word := _line(text, MAX_WORD)))
    return list(words)[:MAX_WORDS]


def _dataset(metadata: Mapping[str, str], folders: list[Folder]) -> dict[str, Any]:
    counts: dict[str, int] = {}
    for folder in folders:
        for tag, count in folder.tags.items():
            counts[tag] = counts.get(tag, 0) + count
    top = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:TOP_TAGS]
    return _filled(
        [
            ("pictures", sum(folder.images for folder in folders) or None),
            ("pictures_with_repeats", _number(metadata.get("ss_num_train_images"))),
            ("regularisation_pictures", _number(metadata.get("ss_num_reg_images")) or None),
            ("folders", len(folders) or None),
            ("tags", len(counts) or None),
            ("top_tags", [[tag, count] for tag, count in top]),
        ]
    )


_TRAINING: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
    ("epochs", "ss_num_epochs", _number),
    ("epoch", "ss_epoch", _number),
    ("steps", "ss_steps", _number),
    ("max_steps", "ss_max_train_steps", _number),
    ("learning_rate", "ss_learning_rate", _number),
    ("unet_learning_rate", "ss_unet_lr", _number),
    ("text_encoder_learning_rate", "ss_text_encoder_lr", _number),
    ("optimizer", "ss_optimizer", _line),
    ("scheduler", "ss_lr_scheduler", _line),
    ("warmup_steps", "ss_lr_warmup_steps", _number),
    ("batch_size", "ss_total_batch_size", _number),
    ("clip_skip", "ss_clip_skip", _number),
    ("noise_offset", "ss_noise_offset", _number),
    ("min_snr_gamma", "ss_min_snr_gamma", _number),
    ("seed", "ss_seed", _number),
    ("precision", "ss_mixed_precision", _line),
    ("started_at", "ss_training_started_at", _number),
    ("finished_at", "ss_training_finished_at", _number),
    ("session", "ss_session_id", _line),
    ("trainer_commit", "ss_sd_scripts_commit_hash", _line),
    ("software", "software", _line),
    ("implementation", "modelspec.implementation", _line),
)


def _training(metadata: Mapping[str, str]) -> dict[str, Any]:
    return _filled((name, read(metadata.get(key))) for name, key, read in _TRAINING)


def _author(metadata: Mapping[str, str]) -> dict[str, Any]:
    def text(key: str) -> str:
        value = clean(metadata.get(key, ""), MAX_AUTHOR_TEXT).strip()
        return "" if value in {"None", "null"} else value

    return _filled(
        [
            ("title", _line(metadata.get("modelspec.title"))),
            ("name", _line(metadata.get("modelspec.author"))),
            ("license", _line(metadata.get("modelspec.license"))),
            ("date", _line(metadata.get("modelspec.date"), 40)),
            ("tags", _words(metadata.get("modelspec.tags", "")[:5000].split(","))),
            ("description", text("modelspec.description")),
            ("usage_hint", text("modelspec.usage_hint")),
            ("comment", text("ss_training_comment")),
        ]
    )
