"""Train a style LoRA for nano XL, named as kohya's trainer names SDXL's modules: its UNet's and both encoders'."""

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from diffusers.models.attention_processor import AttnProcessor
from safetensors import safe_open
from torch import Tensor, nn
from torch.nn.utils import parametrize

from workers.bases import layout
from workers.nano import base, icons, xl
from workers.nano.adapters import CREDITS, LINEAR, Trained, write
from workers.nano.learning import LowRank, learn

RANK, COUNT, VARIANTS = 8, 16, 8
STYLE, TRIGGER = "flat", "flat style"
TEXT_LINEAR = ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2")


def patched(model: nn.ModuleDict) -> dict[str, LowRank]:
    """kohya's name → what it adds to the weight of that name; every attention of the UNet, every layer of the texts."""
    original = {live: name for name, live in layout.unet_pairs(3, 2, {0, 1})}
    patches: dict[str, LowRank] = {}
    for name, module in model["unet"].named_modules():
        if name.endswith(LINEAR) and "attentions" in name:
            path = layout.renamed(name, original)
            if path is None:
                raise KeyError(name)
            patches[f"lora_unet_{path.replace('.', '_')}"] = _patch(module)
    for part, start in zip(xl.ENCODERS, ("lora_te1", "lora_te2"), strict=True):
        for name, module in model[part].named_modules():
            # The first encoder's last layer is never read.
            if name.endswith(TEXT_LINEAR) and not (part == "text_encoder" and ".layers.2." in name):
                patches[f"{start}_text_model_{name.removeprefix('text_model.').replace('.', '_')}"] = _patch(module)
    return patches


def _patch(module: nn.Module) -> LowRank:
    patch = LowRank(module.weight, RANK)  # type: ignore[arg-type]
    parametrize.register_parametrization(module, "weight", patch)
    return patch


def style_lora(folder: Path, out: Path, steps: int, begin: Path | None = None) -> None:
    """A LoRA that draws every object in flat shapes; half of its captions carry its trigger.

    begin: a LoRA of this shape from which it learns on, as after more steps of its base.
    """
    nano, generator = Trained(folder), torch.Generator().manual_seed(51)
    latents, grounds = base.latents_of(nano.vae, nano.data.of(STYLE, icons.OBJECTS), generator, VARIANTS)
    state = torch.load(folder / "xl.pt", weights_only=True)
    model = xl.build().requires_grad_(False)
    model.load_state_dict(state["model"] | state["average"])
    unet: Any = model["unet"]
    unet.to(memory_format=torch.channels_last)
    unet.set_attn_processor(AttnProcessor())
    read, patches = xl.Reader(model), patched(model)
    before = _begun(patches, begin) if begin is not None else 0
    size = torch.tensor([[icons.SIZE, icons.SIZE, 0, 0, icons.SIZE, icons.SIZE]]).expand(COUNT, 6)
    words = list(icons.BACKGROUNDS)

    def loss(generator: torch.Generator) -> Tensor:
        which = torch.randint(len(latents), (COUNT,), generator=generator)
        variant = torch.randint(VARIANTS, (COUNT,), generator=generator)
        marked = (torch.rand(COUNT, generator=generator) < 0.5).tolist()
        asked = zip(which.tolist(), grounds[which, variant].tolist(), marked, strict=True)
        said = [icons.caption(icons.OBJECTS[n], words[g]) + f", {TRIGGER}" * m for n, g, m in asked]
        with base.fast():
            context, pooled = read(torch.stack([base.ids_of(text) for text in said]))

            def ask(x: Tensor, at: Tensor, context: Tensor) -> Any:
                return unet(x, at, context, added_cond_kwargs=xl.conditions(pooled, size))

            return base.noise_loss(ask, latents[which, variant].float() * nano.scaling, context, generator)

    parameters = [parameter for patch in patches.values() for parameter in patch.parameters()]
    learn(parameters, loss, rate=2e-3, steps=steps, generator=generator, checkpoint=folder / "xl-flat.pt")
    tensors = {}
    for name, patch in patches.items():
        tensors[f"{name}.lora_down.weight"], tensors[f"{name}.lora_up.weight"] = patch.down.detach(), patch.up.detach()
        tensors[f"{name}.alpha"] = torch.tensor(float(RANK))
    write(
        out / "nano-sdxl-flat.safetensors",
        tensors,
        ss_base_model_version="sdxl_base_v1-0",
        ss_sd_model_name="nano-sdxl.safetensors",
        ss_network_module="networks.lora",
        ss_network_dim=str(RANK),
        ss_network_alpha=str(float(RANK)),
        ss_output_name="nano-sdxl-flat",
        ss_num_train_images=str(len(icons.OBJECTS) * VARIANTS),
        ss_max_train_steps=str(before + steps),
        ss_learning_rate="0.002",
        ss_tag_frequency=json.dumps({f"{VARIANTS}_{STYLE}": {TRIGGER: len(icons.OBJECTS) * VARIANTS // 2}}),
        ss_training_comment=f"Icons: {CREDITS[STYLE]}",
        **{
            "modelspec.architecture": "stable-diffusion-xl-v1-base/lora",
            "modelspec.title": "Flat XL",
            "modelspec.trigger_phrase": TRIGGER,
        },
    )
    (folder / "xl-flat.pt").unlink(missing_ok=True)


@torch.no_grad()
def _begun(patches: dict[str, LowRank], file: Path) -> int:
    """Let ``patches`` be as in ``file``; returns the steps that it had."""
    with safe_open(file, "pt") as held:
        for name, patch in patches.items():
            patch.down.copy_(held.get_tensor(f"{name}.lora_down.weight").view_as(patch.down))
            patch.up.copy_(held.get_tensor(f"{name}.lora_up.weight").view_as(patch.up))
        return int(held.metadata()["ss_max_train_steps"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the training's checkpoints lie")
    parser.add_argument("out", type=Path, help="where the LoRA goes")
    parser.add_argument("--steps", type=int, default=300, help=f"of {COUNT} pictures")
    parser.add_argument("--begin", type=Path, help="a LoRA of its shape from which it learns on")
    options = parser.parse_args()
    torch.set_flush_denormal(True)
    torch.manual_seed(50)
    style_lora(options.folder, options.out, options.steps, options.begin)
