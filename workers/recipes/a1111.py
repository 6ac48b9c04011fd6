"""A1111's "infotext": the prompt, the negative prompt, and a line of settings, as its PNGs carry under ``parameters``.

Forge, Civitai's uploads, stable-diffusion.cpp and many more write it too. A value with a comma, a colon or a line break
is a JSON string; Civitai adds values that are JSON itself. Source: the format as read and written by
stable-diffusion-webui 1.10.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from workers import blocks, prompts
from workers.hints import MODES, RESIZES, Hint, Source
from workers.messages import PictureRecipe, Recipe, Resource, Use
from workers.recipes.values import decimal, items, loaded, mapping, numbers, others, size, weight, whole, words

# Bounds on the name's length keep a long line of letters from being read from each of its letters.
_PAIR = re.compile(r'(\w[\w \-/]{1,80}):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
_JSON_PAIR = re.compile(r"(?:^|, )(Hashes|Civitai resources|Civitai metadata): (?=[\[{])")
_NEGATIVE = "Negative prompt:"
_TAG = re.compile(r"<(lora|lyco|hypernet):([^<>:]+)(?::([^<>]*))?>", re.IGNORECASE)
_TAGS = {"textual_inversion": "", "hypernetwork": "hypernet"}  # every other kind is called by <lora:…>
_KINDS = {"lora": "lora", "lyco": "lora", "hypernet": "hypernetwork", "embed": "textual_inversion", "vae": "vae"}
_CIVITAI = {"checkpoint": "base", "embed": "textual_inversion", "textualinversion": "textual_inversion", "vae": "vae"}
_CIVITAI |= {"hypernet": "hypernetwork", "hypernetwork": "hypernetwork"}
_KNOWN = {
    "Steps",
    "Sampler",
    "Schedule type",
    "CFG scale",
    "Seed",
    "Size",
    "Model hash",
    "Model",
    "Clip skip",
    "Emphasis",
}
_KNOWN |= {"Denoising strength", "Mask blur", "Masked content", "Mask mode", "Resize mode"}
_KNOWN |= {"Lora hashes", "TI hashes", "Hypernet hashes", "Hashes", "Civitai resources", "VAE", "VAE hash"}
_OF_A1111 = re.compile(r"v\d|f\d|neo")
MOST_SEED = 2**32 - 1
_DECODER = json.JSONDecoder()


class Raw(str):
    """A value that is JSON by itself, and stands in the line without quotes."""

    __slots__ = ()


@dataclass(frozen=True)
class Infotext:
    """An infotext taken apart; `joined` puts it together again."""

    prompt: str
    negative: str = ""
    settings: dict[str, str] = field(default_factory=dict)


def read(text: str) -> Infotext:
    """An infotext taken apart. Never raises: a text without a line of settings is all prompt."""
    *lines, last = text.strip().split("\n")
    settings = _settings(last)
    if len(settings) < 3:
        lines, settings = [*lines, last], {}
    prompt: list[str] = []
    negative: list[str] = []
    into = prompt
    for line in lines:
        line = line.strip()
        if line.startswith(_NEGATIVE):
            into, line = negative, line.removeprefix(_NEGATIVE).strip()
        into.append(line)
    return Infotext("\n".join(prompt).strip(), "\n".join(negative).strip(), settings)


def joined(info: Infotext) -> str:
    """The infotext as A1111 writes it."""
    lines = [info.prompt] if info.prompt or not (info.negative or info.settings) else []
    if info.negative:
        lines.append(f"{_NEGATIVE} {info.negative}")
    if info.settings:
        lines.append(", ".join(f"{name}: {_quoted(value)}" for name, value in info.settings.items()))
    return "\n".join(lines)


def write(recipe: Recipe) -> str:
    """The infotext of a recipe. Adapters that its prompt does not name are added to it as tags, as A1111 wants them."""
    named = {extra.name.lower() for extra in prompts.parse(recipe.prompt).extras}
    tags = [_tag(use) for use in recipe.uses if use.hint is None and _called(use).lower() not in named]
    settings = {
        "Steps": str(recipe.steps),
        "Sampler": recipe.sampler,
        "Schedule type": recipe.schedule,
        "CFG scale": f"{recipe.cfg:g}",
        "Seed": str(recipe.seed),
        "Size": f"{recipe.width}x{recipe.height}",
        "Model hash": recipe.base[:10],
        "Model": recipe.base_name,
        "VAE hash": recipe.vae[:10],
        "VAE": recipe.vae_name or recipe.vae[:10],
        "Refiner": f"{recipe.refiner_name or 'refiner'} [{recipe.refiner[:10]}]" if recipe.refiner else "",
        "Refiner switch at": f"{recipe.refiner_switch_at:g}" if recipe.refiner else "",
        **_source(recipe.source),
        "Clip skip": str(recipe.clip_skip) if recipe.clip_skip != 1 else "",
        "Emphasis": recipe.emphasis if recipe.emphasis != "Original" else "",
        "RNG": "CPU" if recipe.rng == "CPU" else "NV",
        "ENSD": str(recipe.ensd) if recipe.ensd else "",
        "Variation seed": str(recipe.variation_seed) if recipe.variation_strength else "",
        "Variation seed strength": f"{recipe.variation_strength:g}" if recipe.variation_strength else "",
        "Discard penultimate sigma": "True" if recipe.discard_penultimate else "",
        "Lora hashes": _hashes(recipe, "lora"),
        "TI hashes": _hashes(recipe, "textual_inversion"),
        "Hypernet hashes": _hashes(recipe, "hypernetwork"),
        **{
            f"ControlNet {n}": _unit(use, use.hint)
            for n, use in enumerate(use for use in recipe.uses if use.hint)
            if use.hint
        },
        "Version": "Weightroom",
    }
    prompt = " ".join(filter(None, [recipe.prompt, *tags])).strip()
    return joined(Infotext(prompt, recipe.negative, {name: value for name, value in settings.items() if value}))


def _source(source: Source | None) -> dict[str, str]:
    if source is None:
        return {}
    said = {"Denoising strength": f"{source.denoising:g}", "Resize mode": source.resize}
    if source.mask:
        said["Mask blur"] = str(source.blur)
        said["Masked content"] = source.fill if source.fill != "fill" else ""
        said["Mask mode"] = "Inpaint not masked" if source.invert else ""
    return said


# What sd-webui-controlnet writes of a unit, by our words.
_MODULES = {
    "none": "none",
    "canny": "canny",
    "scribble": "scribble_xdog",
    "invert": "invert (from white bg & black line)",
}
_OF_MODULE = {"scribble_xdog": "scribble", "canny": "canny", "none": "none", "invert": "invert"}


def _unit(use: Use, hint: Hint) -> str:
    model = f"{_called(use)} [{use.sha256[:8]}]"
    parts = {
        "Module": _MODULES[hint.preprocessor], "Model": model, "Weight": f"{use.weight:g}", "Resize Mode": hint.resize,
        "Threshold A": f"{hint.low:g}", "Threshold B": f"{hint.high:g}", "Guidance Start": f"{hint.start:g}",
        "Guidance End": f"{hint.end:g}", "Pixel Perfect": "True", "Control Mode": hint.mode,
    }  # fmt: skip
    return ", ".join(f"{name}: {value}" for name, value in parts.items())


def units(said: Mapping[str, str]) -> list[tuple[Resource, Hint]]:
    """The ControlNets that an infotext's settings tell, each with how it read its picture, which is not told."""
    found = []
    for name in sorted(name for name in said if re.fullmatch(r"ControlNet \d{1,2}", name)):
        parts = {
            key.strip().lower(): value.strip() for key, value in re.findall(r"([A-Za-z ]+): ([^,]*)(?:,|$)", said[name])
        }
        model = parts.get("model", "")
        if not model or model.lower() == "none":
            continue
        module = parts.get("module", parts.get("preprocessor", "none")).split(" ")[0]
        resize, mode = parts.get("resize mode", ""), parts.get("control mode", "")
        hint = Hint(
            picture="",
            preprocessor=_OF_MODULE.get(module, "none"),  # type: ignore[arg-type]
            low=threshold(parts.get("threshold a")),
            high=threshold(parts.get("threshold b")),
            resize=resize if resize in RESIZES else "Crop and Resize",  # type: ignore[arg-type]
            mode=mode if mode in MODES else "Balanced",  # type: ignore[arg-type]
            start=min(1.0, max(0.0, decimal(parts.get("guidance start")) or 0.0)),
            end=min(1.0, max(0.0, _or(decimal(parts.get("guidance end")), 1.0))),
        )
        resource = Resource(kind="controlnet", weight=weight(parts.get("weight")), **_bracketed(model))
        found.append((resource, hint))
    return found


def threshold(value: str | None) -> float:
    """A threshold; where it says nothing sensible, 0."""
    return max(0.0, min(5000.0, _or(decimal(value), 0.0)))


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


def told(carried: Mapping[str, str]) -> PictureRecipe | None:
    """The recipe of a picture that carries an infotext."""
    for key in ("parameters", "UserComment", "comment", "Description"):
        text = carried.get(key, "")
        if "Steps: " in text and not text.lstrip().startswith("{"):
            info = read(text)
            if "Steps" in info.settings:
                return recipe(info)
    return None


def recipe(info: Infotext) -> PictureRecipe:
    """What an infotext tells."""
    said = info.settings
    width, height = size(said.get("Size"))
    emphasis = said.get("Emphasis", "")
    return PictureRecipe(
        program="A1111",
        prompt=info.prompt,
        negative=info.negative,
        resources=tuple(_resources(info)),
        sampler=said.get("Sampler", ""),
        schedule=said.get("Schedule type", ""),
        clip_skip=whole(said.get("Clip skip"), 1, 12),
        emphasis=emphasis if emphasis in prompts.EMPHASES else "Original",  # type: ignore[arg-type]
        others=others({name: value for name, value in said.items() if name not in _KNOWN}),
        **numbers(said.get("Steps"), said.get("CFG scale"), said.get("Seed"), width, height),
    )


def _settings(line: str) -> dict[str, str]:
    raw: dict[str, Raw] = {}
    if "{" in line or "[" in line:
        line, raw = _without_json(line)
    settings: dict[str, str] = {}
    for name, value in _PAIR.findall(line):
        settings[name] = raw.get(value) or _plain(value)
    return settings


def _without_json(line: str) -> tuple[str, dict[str, Raw]]:
    """The line with a mark in place of each value that is JSON, and mark → value."""
    raw: dict[str, Raw] = {}
    start = 0
    for _ in range(10):
        if not (found := _JSON_PAIR.search(line, start)):
            break
        start = found.end()
        try:
            _, end = _DECODER.raw_decode(line, start)
        except (ValueError, RecursionError):
            continue
        mark = f"\0{len(raw)}"
        raw[mark] = Raw(line[start:end])
        line = line[:start] + mark + line[end:]
    return line, raw


def _quoted(value: str) -> str:
    plain = isinstance(value, Raw) or not any(mark in value for mark in ',:\n"')
    return value if plain else json.dumps(value, ensure_ascii=False)


def _plain(value: str) -> str:
    if value.startswith('"') and value.endswith('"'):
        try:
            return str(json.loads(value))
        except ValueError:
            return value
    return value.strip()


def _called(use: Use) -> str:
    name = use.name or use.sha256[:12]
    return name.removesuffix(".safetensors")


def _tag(use: Use) -> str:
    kind = _TAGS.get(use.kind, "lora")
    if not kind:
        return ""
    text = "" if use.text_weight in (None, use.weight) else f"{use.text_weight:g}:"
    of_blocks = f":lbw={blocks.written(use.blocks)}" if use.blocks else ""
    return f"<{kind}:{_called(use)}:{text}{use.weight:g}{of_blocks}>"


def _hashes(recipe: Recipe, kind: str) -> str:
    return ", ".join(
        f"{(use.token if kind == 'textual_inversion' else '') or _called(use)}: {use.sha256[:12]}"
        for use in recipe.uses
        if use.hint is None and _KIND_OF.get(use.kind, "lora") == kind
    )


_KIND_OF = {"textual_inversion": "textual_inversion", "hypernetwork": "hypernetwork"}


def _resources(info: Infotext) -> list[Resource]:
    """The base, and each adapter once: what the prompt's tags, the hashes and Civitai's list say of it together."""
    said = info.settings
    bases = [Resource(kind="base", name=said.get("Model", ""), digest=said.get("Model hash", ""))]
    if "VAE" in said or "VAE hash" in said:
        bases.append(Resource(kind="vae", name=said.get("VAE", ""), digest=said.get("VAE hash", "")))
    if said.get("Refiner", "None") != "None":
        bases.append(Resource(kind="refiner", **_bracketed(said["Refiner"])))
    digests = dict(_digests(said))
    found = [resource for text in (info.prompt, info.negative) if "<" in text for resource in _tagged(text, digests)]
    tagged = {(resource.kind, resource.name) for resource in found}
    for (kind, name), digest in digests.items():
        if kind in {"base", "vae"}:
            bases = [_filled(one, kind, name, digest) for one in bases]
        elif (kind, name) not in tagged:
            found.append(Resource(kind=kind, name=name, digest=digest))
    if "Civitai resources" in said:
        found += [one for one in _civitai(said) if one.name not in {other.name for other in [*found, *bases]}]
    found += [resource for resource, _ in units(said)]
    return [one for one in bases if one.name or one.digest] + found


def _bracketed(text: str) -> dict[str, Any]:
    """A name with a hash in brackets behind it, where there is one."""
    digest = re.search(r"\s*\[([0-9a-f]{8,64})\]$", text)
    return {"name": text[: digest.start()] if digest else text, "digest": digest[1] if digest else ""}


def noise(said: Mapping[str, str]) -> dict[str, Any]:
    """What an infotext's settings tell of its noise, by the fields of `Recipe`.

    A1111 and Forge name their source only where it is not the graphics card, and draw there by default; others that
    write this form draw as on a CPU.
    """
    source = said.get("RNG") or ("GPU" if _OF_A1111.match(said.get("Version", "")) else "CPU")
    strength = decimal(said.get("Variation seed strength")) or 0.0
    varied = 0 < strength <= 1
    return {
        "rng": "CPU" if source == "CPU" else "GPU",
        "ensd": whole(said.get("ENSD"), -MOST_SEED, MOST_SEED) or 0,
        "variation_seed": (whole(said.get("Variation seed"), 0, MOST_SEED) or 0) if varied else 0,
        "variation_strength": strength if varied else 0.0,
        "discard_penultimate": said.get("Discard penultimate sigma") == "True",
    }


def switch_at(said: Mapping[str, str]) -> float:
    """Where on the way an infotext's refiner begins; A1111's own default where it does not say."""
    return min(1.0, max(0.0, _or(decimal(said.get("Refiner switch at")), 0.8)))


def _filled(one: Resource, kind: str, name: str, digest: str) -> Resource:
    if one.kind != kind:
        return one
    return Resource(kind=kind, name=one.name or name, digest=one.digest or digest)


def _tagged(text: str, digests: Mapping[tuple[str, str], str]) -> Iterator[Resource]:
    for tag, name, arguments in _TAG.findall(text):
        kind = _KINDS[tag.lower()]
        digest = digests.get((kind, name.strip()), "")
        yield Resource(kind=kind, name=name.strip(), digest=digest, **_strengths(arguments))


def _strengths(arguments: str) -> dict[str, Any]:
    """What stands behind a tag's name: ``0.8``, ``te:unet``, ``te=…:unet=…``, ``lbw=…``; what is none of these is left
    out."""
    if arguments.count(":") == arguments.count("=") == 0:  # nearly every tag
        return {"weight": weight(arguments or "1")}
    parts = [part.strip() for part in arguments.split(":")]
    named = {name.strip(): value for name, mark, value in (part.partition("=") for part in parts) if mark}
    placed = [part for part in parts if "=" not in part]
    lists = [named.get("lbw", ""), *(part for part in placed[1:] if decimal(part) is None)]
    placed = [part for n, part in enumerate(placed) if n == 0 or decimal(part) is not None]
    of_text = weight(named.get("te", placed[0] if placed else "1"))
    of_unet = weight(named.get("unet", placed[1] if len(placed) > 1 else None), of_text)
    of_blocks: tuple[float, ...] = ()
    with contextlib.suppress(ValueError):
        of_blocks = next((blocks.read(one) for one in lists if one), ())
    return {"weight": of_unet, "text_weight": None if of_text == of_unet else of_text, "blocks": of_blocks}


def _digests(said: Mapping[str, str]) -> Iterator[tuple[tuple[str, str], str]]:
    lists = (("Lora hashes", "lora"), ("TI hashes", "textual_inversion"), ("Hypernet hashes", "hypernetwork"))
    for setting, kind in lists:
        for pair in said.get(setting, "").split(","):
            name, _colon, digest = pair.rpartition(":")
            if name:
                yield (kind, name.strip()), digest.strip()
    if "Hashes" in said:
        for key, digest in mapping(loaded(said["Hashes"])).items():
            kind, _colon, name = str(key).partition(":")
            known = "base" if kind == "model" else _KINDS.get(kind.lower())
            if known:
                yield (known, name), words(digest)


def _civitai(said: Mapping[str, str]) -> Iterator[Resource]:
    for entry in items(loaded(said["Civitai resources"]))[:50]:
        one = mapping(entry)
        kind = _CIVITAI.get(words(one.get("type")).lower(), "lora")
        yield Resource(
            kind=kind,
            name=words(one.get("modelName")),
            digest=words(one.get("modelHash") or one.get("hash")),
            weight=weight(one.get("weight")),
        )
