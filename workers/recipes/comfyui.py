"""ComfyUI's graph: nodes by number, each with a class and inputs that are values or links to other nodes' outputs.

PNGs carry it under ``prompt`` (what was run) beside ``workflow`` (how it lay on the canvas), WebP files in Exif fields
as ``prompt:{…}``. It is read from the sampler backwards: its model, what it is told, its noise. Nodes of other people's
making are followed by the names of their inputs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from workers import prompts
from workers.messages import PictureRecipe, Recipe, Resource
from workers.recipes.values import decimal, loaded, mapping, numbers, weight, whole, words

SAMPLERS = {
    "Euler a": "euler_ancestral", "Euler": "euler", "LMS": "lms", "Heun": "heun", "DPM2": "dpm_2",
    "DPM2 a": "dpm_2_ancestral", "DPM++ 2S a": "dpmpp_2s_ancestral", "DPM++ 2M": "dpmpp_2m", "DPM++ SDE": "dpmpp_sde",
    "DPM++ 2M SDE": "dpmpp_2m_sde", "DPM++ 3M SDE": "dpmpp_3m_sde", "DPM fast": "dpm_fast",
    "DPM adaptive": "dpm_adaptive", "DDIM": "ddim", "UniPC": "uni_pc", "LCM": "lcm", "HeunPP2": "heunpp2",
    "IPNDM": "ipndm", "IPNDM_V": "ipndm_v", "DEIS": "deis", "DDPM": "ddpm",
    "DPM++ 2M SDE Heun": "dpmpp_2m_sde_heun",
}  # fmt: skip
SCHEDULES = {
    "Karras": "karras", "Exponential": "exponential", "SGM Uniform": "sgm_uniform", "Simple": "simple",
    "Normal": "normal", "DDIM": "ddim_uniform", "Beta": "beta", "KL Optimal": "kl_optimal",
}  # fmt: skip
SAMPLER_NAMES = {theirs: ours for ours, theirs in SAMPLERS.items()} | {"uni_pc_bh2": "UniPC"}
SCHEDULE_NAMES = {theirs: ours for ours, theirs in SCHEDULES.items()}
MOST_NODES, MOST_STEPS = 5000, 200

Node = Mapping[str, Any]
# Inputs that lead on, by what is looked for; the first that is there is followed.
_TEXTS: tuple[str, ...] = (
    "text",
    "text_g",
    "text_l",
    "clip_l",
    "t5xxl",
    "prompt",
    "string",
    "value",
    "positive",
    "conditioning",
)
_TEXTS += ("conditioning_1", "conditioning_to", "text1", "string_a", "input")
_MODELS = ("model", "unet", "basic_pipe", "pipe", "model1", "MODEL", "guider")
_LATENTS = ("latent_image", "latent", "samples", "pixels", "image", "LATENT")


def told(carried: Mapping[str, str]) -> PictureRecipe | None:
    """The recipe of a picture that carries a graph."""
    for text in _graphs(carried):
        graph = mapping(loaded(text))
        nodes = {str(key): node for key, node in list(graph.items())[:MOST_NODES] if _is_node(node)}
        if nodes and (recipe := _Graph(nodes).recipe()):
            return recipe
    return None


def _graphs(carried: Mapping[str, str]) -> Iterator[str]:
    for key in ("prompt", "Make", "Model", "ImageDescription", "UserComment"):
        yield carried.get(key, "").removeprefix("prompt:").removeprefix("Prompt:")


def _is_node(node: object) -> bool:
    return isinstance(node, dict) and isinstance(node.get("class_type"), str) and isinstance(node.get("inputs"), dict)


class _Graph:
    def __init__(self, nodes: Mapping[str, Node]) -> None:
        self.nodes = nodes

    def recipe(self) -> PictureRecipe | None:
        """What the sampler that the picture comes from was told; of several the first one that starts from nothing."""
        samplers = [node for node in self.nodes.values() if self._samples(node)]
        if not samplers:
            return None
        sampler = next((node for node in samplers if self._size(node)), samplers[0])
        inputs = sampler["inputs"]
        positive, negative = (self._text(inputs, side) for side in ("positive", "negative"))
        schedule = words(self._value(sampler, "scheduler"))
        name = words(self._value(sampler, "sampler_name"))
        width, height = self._size(sampler) or (None, None)
        seed = self._value(sampler, "seed", "noise_seed")
        return PictureRecipe(
            program="ComfyUI",
            dialect="comfyui",
            prompt=positive,
            negative=negative,
            resources=tuple(self._resources(sampler, f"{positive}\n{negative}")),
            sampler=SAMPLER_NAMES.get(name.removesuffix("_gpu"), name),
            schedule=SCHEDULE_NAMES.get(schedule, schedule),
            clip_skip=self._clip_skip(),
            **numbers(self._value(sampler, "steps"), self._value(sampler, "cfg"), seed, width, height),
        )

    def _samples(self, node: Node) -> bool:
        there = node["inputs"].keys()
        return {"positive", "negative", "steps"} <= there or {"guider", "sigmas"} <= there

    def _linked(self, value: object) -> Node | None:
        if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str | int):
            return self.nodes.get(str(value[0]))
        return None

    def _value(self, node: Node, *names: str) -> object:
        """The value of an input of one of these names, of this node or of those that feed it."""
        for one in self._before(node):
            for name in names:
                value = one["inputs"].get(name)
                if (linked := self._linked(value)) is not None:
                    value = next((v for v in linked["inputs"].values() if isinstance(v, int | float | str)), None)
                if isinstance(value, int | float | str):
                    return value
        return None

    def _before(self, node: Node) -> Iterator[Node]:
        """This node and all that feed it, nearest first, each once."""
        seen, waiting = {id(node)}, [node]
        for one in waiting:
            yield one
            if len(waiting) > MOST_STEPS:
                return
            for value in one["inputs"].values():
                linked = self._linked(value)
                if linked is not None and id(linked) not in seen:
                    seen.add(id(linked))
                    waiting.append(linked)

    def _text(self, inputs: Mapping[str, Any], side: str) -> str:
        """What is said on one side: the words at the end of the chain, whatever stands between."""
        start = self._linked(inputs.get(side)) or self._linked(inputs.get("guider"))
        node, names = start, (side, *_TEXTS)
        for _ in range(MOST_STEPS):
            if node is None:
                return ""
            following: Node | None = None
            for name in names:
                value = node["inputs"].get(name)
                if isinstance(value, str):
                    return value
                following = self._linked(value)
                if following is not None:
                    break
            if side == "negative" and node is start and following is None:
                return ""
            node = following
        return ""

    def _size(self, sampler: Node) -> tuple[object, object] | None:
        node: Node | None = sampler
        for _ in range(MOST_STEPS):
            if node is None:
                return None
            width, height = node["inputs"].get("width"), node["inputs"].get("height")
            if node is not sampler and isinstance(width, int) and isinstance(height, int):
                return width, height
            links = (self._linked(node["inputs"].get(name)) for name in _LATENTS)
            node = next((link for link in links if link is not None), None)
        return None

    def _clip_skip(self) -> int | None:
        for node in self.nodes.values():
            layer = whole(node["inputs"].get("stop_at_clip_layer"), -12, -1)
            if layer is not None:
                return -layer
        return None

    def _resources(self, sampler: Node, text: str) -> Iterator[Resource]:
        loras: list[Resource] = []
        base = None
        for node in self._chain(sampler):
            inputs = node["inputs"]
            loras += _loras(inputs)
            name = next((words(inputs[n]) for n in ("ckpt_name", "unet_name", "base_ckpt_name") if n in inputs), "")
            if name and base is None:
                base = Resource(kind="base", name=file_name(name))
        if base:
            yield base
        vae = next((node for node in self.nodes.values() if isinstance(node["inputs"].get("vae_name"), str)), None)
        if vae and vae["inputs"]["vae_name"] not in {"Baked VAE", "None"}:
            yield Resource(kind="vae", name=file_name(vae["inputs"]["vae_name"]))
        yield from reversed(loras)  # the chain was walked from its end
        for extra in prompts.parse(text, "comfyui").extras:
            yield Resource(kind=extra.kind, name=extra.name)

    def _chain(self, sampler: Node) -> Iterator[Node]:
        node: Node | None = sampler
        for _ in range(MOST_STEPS):
            if node is None:
                return
            yield node
            links = (self._linked(node["inputs"].get(name)) for name in _MODELS)
            node = next((link for link in links if link is not None), None)


def _loras(inputs: Mapping[str, Any]) -> Iterator[Resource]:
    """The LoRAs of one loader, last first: the plain one, and stacks that number their rows."""
    found = []
    if isinstance(inputs.get("lora_name"), str):
        model = weight(inputs.get("strength_model", inputs.get("lora_wt", inputs.get("strength"))))
        clip = decimal(inputs.get("strength_clip"))
        found.append((inputs["lora_name"], model, clip))
    for number in range(1, 51):
        row = inputs.get(f"lora_{number}", inputs.get(f"lora_name_{number}", inputs.get(f"lora_0{number}")))
        if isinstance(row, dict) and row.get("on", True) and isinstance(row.get("lora"), str):
            found.append((row["lora"], weight(row.get("strength")), decimal(row.get("strengthTwo"))))
        elif isinstance(row, str) and row != "None":
            strength = inputs.get(
                f"strength_0{number}", inputs.get(f"lora_wt_{number}", inputs.get(f"model_str_{number}"))
            )
            found.append((row, weight(strength), None))
    for name, model, clip in reversed(found):
        if name != "None":
            apart = None if clip is None or clip == model else clip
            yield Resource(kind="lora", name=file_name(name), weight=model, text_weight=apart)


def file_name(name: str) -> str:
    """A file as it is called elsewhere: without folders and ending."""
    last = re.split(r"[\\/]", name)[-1]
    return re.sub(r"\.(?:safetensors|ckpt|pt|pth|bin|sft|gguf)\Z", "", last)


def write(recipe: Recipe) -> str:
    """The recipe as a graph of ComfyUI's own nodes, to be dropped on its canvas (API form).

    Inversions are written as ``embedding:word``. Weights of words count differently there: see `workers.prompts`.
    """
    inverted = [use.token or use.name for use in recipe.uses if use.kind == "textual_inversion"]
    nodes: dict[str, dict] = {
        "1": _node("CheckpointLoaderSimple", ckpt_name=f"{recipe.base_name or 'model'}.safetensors")
    }
    model, clip = ["1", 0], ["1", 1]
    for number, use in enumerate(
        (use for use in recipe.uses if use.kind not in {"textual_inversion", "hypernetwork"}), 10
    ):
        name = (use.name or use.sha256[:12]).removesuffix(".safetensors") + ".safetensors"
        strength = use.weight if use.text_weight is None else use.text_weight
        strengths = {"strength_model": use.weight, "strength_clip": strength}
        nodes[str(number)] = _node("LoraLoader", lora_name=name, model=model, clip=clip, **strengths)
        model, clip = [str(number), 0], [str(number), 1]
    if recipe.clip_skip > 1:
        nodes["2"] = _node("CLIPSetLastLayer", stop_at_clip_layer=-recipe.clip_skip, clip=clip)
        clip = ["2", 0]
    for place, text in (("3", recipe.prompt), ("4", recipe.negative)):
        for word in inverted:
            text = re.sub(rf"(?<![\w:]){re.escape(word)}(?!\w)", lambda found: f"embedding:{found[0]}", text)
        nodes[place] = _node("CLIPTextEncode", text=text, clip=clip)
    nodes["5"] = _node("EmptyLatentImage", width=recipe.width, height=recipe.height, batch_size=1)
    nodes["6"] = _node(
        "KSampler",
        seed=recipe.seed,
        steps=recipe.steps,
        cfg=recipe.cfg,
        sampler_name=SAMPLERS.get(recipe.sampler, recipe.sampler),
        scheduler=SCHEDULES.get(recipe.schedule, "normal"),
        denoise=1.0,
        model=model,
        positive=["3", 0],
        negative=["4", 0],
        latent_image=["5", 0],
    )
    nodes["7"] = _node("VAEDecode", samples=["6", 0], vae=["1", 2])
    nodes["8"] = _node("SaveImage", images=["7", 0], filename_prefix="Weightroom")
    return json.dumps(nodes, indent=2, ensure_ascii=False)


def _node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}
