"""Train nano-sdxl: SDXL's topology in nano's size, begun from nano-sd1.

Three levels without attention in the first, two text encoders read before their last layer, the pooled text of the
second and six sizes beside the time step. What has a place in both comes from nano-sd1, so that an hour of two cores
is enough; its autoencoder and its vocabulary stay nano-sd1's, and are not stored again.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from safetensors.numpy import save_file
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from workers import tokens
from workers.bases import layout
from workers.nano import base, icons
from workers.nano.adapters import Trained
from workers.nano.packing import packed

CONFIG = Path(layout.__file__).parent / "configs" / "nano-sdxl.json"
VARIANTS, COUNT = 24, 32
# Of the variants of each icon, the last: softened, and cut. Of three in twenty each, what sizes say was not learnt.
SMALL, CROPPED = 6, 8
ZOOMED = icons.SIZE * 3 // 2
VOCABULARY = "embeddings.token_embedding"
ENCODERS = ("text_encoder", "text_encoder_2")
PART = "nano-sdxl.part.safetensors"


def build() -> nn.ModuleDict:
    """Untrained: ``unet``, ``text_encoder``, ``text_encoder_2``."""
    config = json.loads(CONFIG.read_text())
    ids = {"bos_token_id": tokens.START, "eos_token_id": tokens.END}
    return nn.ModuleDict(
        {
            "unet": UNet2DConditionModel.from_config(config["unet"]),
            "text_encoder": CLIPTextModel(CLIPTextConfig(**config["text_encoder"], **ids)),
            "text_encoder_2": CLIPTextModelWithProjection(CLIPTextConfig(**config["text_encoder_2"], **ids)),
        }
    )


class Reader:
    """What both encoders say of a text, as SDXL's UNet takes it."""

    def __init__(self, model: nn.ModuleDict) -> None:
        self.one, self.two = model["text_encoder"], model["text_encoder_2"]

    def __call__(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Token ids [B, 77], filled up with END → (context [B, 77, 128], pooled text [B, 64])."""
        # The second encoder's texts are filled up with 0, as OpenCLIP's are.
        after = (ids == tokens.END).cumsum(1) > 1
        first = self.one(ids, output_hidden_states=True).hidden_states[-2]
        said = self.two(ids.masked_fill(after, 0), output_hidden_states=True)
        return torch.cat([first, said.hidden_states[-2]], -1), said.text_embeds


def conditions(pooled: Tensor, sizes: Tensor) -> dict[str, Tensor]:
    """What SDXL embeds beside the time step; sizes [B, 6]: of the picture that was cut, where, its own."""
    return {"text_embeds": pooled, "time_ids": sizes}


# Beginning from nano-sd1


@torch.no_grad()
def warm(model: nn.ModuleDict, nano: Trained) -> None:
    """Copy into ``model`` whatever of nano-sd1 has a place in it; what is new begins by saying nothing."""
    matrix, shift = _without_norm(nano.text)
    _warm_texts(model, nano, shift)
    unet, old = model["unet"], nano.unet.state_dict()
    new = unet.state_dict()
    for key, value in new.items():
        parts = key.split(".")
        if parts[0] == "up_blocks":  # SD1 has one level more, without attention
            parts[1] = str(int(parts[1]) + 1)
        source = old.get(".".join(parts))
        if ".transformer_blocks." in key and ".transformer_blocks.0." not in key:
            if key.endswith((".to_out.0.weight", ".to_out.0.bias", ".ff.net.2.weight", ".ff.net.2.bias")):
                value.zero_()
        elif key.endswith((".attn2.to_k.weight", ".attn2.to_v.weight")):
            assert source is not None
            value.zero_()
            value[:, : source.shape[1]] = source @ matrix.T
        elif key.startswith("add_embedding.linear_2."):
            value.zero_()
        elif source is not None and source.numel() == value.numel():
            value.copy_(source.view_as(value))
    unet.load_state_dict(new)


@torch.no_grad()
def _without_norm(text: CLIPTextModel) -> tuple[Tensor, Tensor]:
    """(A, d) so that (x + d) A is nearest to the last norm of x: SDXL reads a layer that no norm follows."""
    ids = base.Captions(icons.OBJECTS).ids.flatten(0, 2)[::5]
    said = text(ids, output_hidden_states=True)
    x, y = said.hidden_states[-1].flatten(0, 1), said.last_hidden_state.flatten(0, 1)
    solved = torch.linalg.lstsq(torch.cat([x, torch.ones(len(x), 1)], 1), y).solution
    matrix, bias = solved[:-1], solved[-1]
    left = (x @ matrix + bias - y).square().mean() / y.var()
    print(f"the last norm as a matrix: {float(left):.3f} of its variance is left", flush=True)
    return matrix, bias @ torch.linalg.pinv(matrix)


def _warm_texts(model: nn.ModuleDict, nano: Trained, shift: Tensor) -> None:
    old = layout.text_from_original(nano.text.state_dict())
    for name in ENCODERS:
        state = model[name].state_dict()
        for key, value in state.items():
            source = key.removeprefix("text_model.").replace("encoder.layers.2.", "encoder.layers.1.")
            if source in old:
                value.copy_(old[source])
        state[next(key for key in state if key.endswith("encoder.layers.1.mlp.fc2.bias"))] += shift
        model[name].load_state_dict(state)


# Pictures


@torch.no_grad()
def scenes(nano: Trained, folder: Path) -> tuple[Tensor, Tensor, Tensor]:
    """(latents fp16 [N, V, 4, h, w], backgrounds [N, V], sizes [N, V, 6]) of every object, made once.

    Some are enlarged from small pictures and some are parts of larger ones, and their sizes say so: a picture drawn
    at "64×64" is soft, one at a crop stands off its place.
    """
    cache = folder / "xl-scenes.pt"
    if not cache.exists():
        generator = torch.Generator().manual_seed(41)
        flat = torch.tensor(list(icons.BACKGROUNDS.values()), dtype=torch.float32)
        parts: list[list[Tensor]] = [[], [], []]
        for icon in nano.data.of("noto", icons.OBJECTS):
            ground = torch.randint(len(flat), (VARIANTS,), generator=generator)
            pictures = icons.compose(icon.expand(VARIANTS, -1, -1, -1), flat[ground], generator)
            sizes = torch.tensor([[icons.SIZE, icons.SIZE, 0, 0, icons.SIZE, icons.SIZE]]).repeat(VARIANTS, 1)
            for n in range(VARIANTS - SMALL - CROPPED, VARIANTS):
                pictures[n], sizes[n, :4] = _varied(pictures[n], n >= VARIANTS - CROPPED, generator)
            latents = nano.vae.encode(pictures).latent_dist.mean.half()
            for part, tensor in zip(parts, (latents, ground, sizes), strict=True):
                part.append(tensor)
        torch.save([torch.stack(part) for part in parts], cache)
        print(f"{len(icons.OBJECTS) * VARIANTS} pictures", flush=True)
    latents, grounds, sizes = torch.load(cache, weights_only=True)
    return latents, grounds, sizes


def _varied(picture: Tensor, cropped: bool, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A part of the picture enlarged, or it out of fewer pixels; and the four numbers that say so."""

    def chance(most: int) -> int:
        return int(torch.randint(most, (1,), generator=generator))

    if cropped:
        top, left = chance(ZOOMED - icons.SIZE + 1), chance(ZOOMED - icons.SIZE + 1)
        large = F.interpolate(picture[None], ZOOMED, mode="bilinear", antialias=True)[0]
        part = large[:, top : top + icons.SIZE, left : left + icons.SIZE]
        return part, torch.tensor([ZOOMED, ZOOMED, top, left])
    size = 32 + chance(48)
    small = F.interpolate(picture[None], size, mode="bilinear", antialias=True)
    return F.interpolate(small, icons.SIZE, mode="bilinear")[0], torch.tensor([size, size, 0, 0])


# Training


def train(folder: Path, minutes: float, seed: int = 42) -> None:
    """Train until ``minutes`` were spent in all; ``xl.pt`` in ``folder`` has the averaged weights, and goes on."""
    torch.manual_seed(seed)
    torch.set_flush_denormal(True)
    generator = torch.Generator().manual_seed(seed)
    nano = Trained(folder)
    latents, grounds, sizes = scenes(nano, folder)
    said = base.Captions(icons.OBJECTS)
    model = build()
    warm(model, nano)
    unet: Any = model["unet"]
    unet.to(memory_format=torch.channels_last)
    unet.set_attn_processor(AttnProcessor())  # as in the base's training, for speed
    read = Reader(model)
    learnt = {name: p for name, p in model.named_parameters() if is_learnt(name)}
    optimizer = torch.optim.AdamW(learnt.values(), lr=1e-3, betas=(0.9, 0.99), weight_decay=1e-3, fused=True)
    average = {name: value.detach().clone() for name, value in learnt.items()}
    checkpoint, spent, step, mean = folder / "xl.pt", 0.0, 0, 0.0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        if "optimizer" in state:  # not in what was restored from the shipped weights
            optimizer.load_state_dict(state["optimizer"])
        average, spent, step = state["average"], state["spent"], state["step"]
        generator.manual_seed(seed + step)
    total, saved = minutes * 60, time.monotonic()
    while spent < total:
        began = time.monotonic()
        for group in optimizer.param_groups:
            group["lr"] = min(1.0, (step + 1) / 100) * (2e-5 + 4e-4 * (1 + math.cos(math.pi * spent / total)))
        which = torch.randint(len(icons.OBJECTS), (COUNT,), generator=generator)
        variant = torch.randint(VARIANTS, (COUNT,), generator=generator)
        form = (torch.rand(COUNT, generator=generator) < 0.15).long()
        ids = said.ids[which, grounds[which, variant], form]
        ids = torch.where(torch.rand(COUNT, 1, generator=generator) < 0.1, said.empty, ids)
        with base.fast():
            context, pooled = read(ids)
            beside = conditions(pooled, sizes[which, variant])

            def ask(x: Tensor, at: Tensor, context: Tensor, beside: dict[str, Tensor] = beside) -> Any:
                return unet(x, at, context, added_cond_kwargs=beside)

            loss = base.noise_loss(ask, latents[which, variant].float() * nano.scaling, context, generator)
        loss.backward()
        nn.utils.clip_grad_norm_(learnt.values(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        step += 1
        if step % 4 == 0:
            keep = min(0.98, (1 + step) / (40 + step))
            with torch.no_grad():
                for name, value in learnt.items():
                    average[name].lerp_(value, 1 - keep)
        mean = 0.98 * mean + 0.02 * loss.item() if mean else loss.item()
        spent += time.monotonic() - began
        if step % 25 == 0:
            print(f"{step:6d} {spent / 60:5.1f} min loss {mean:.4f}", flush=True)
        if time.monotonic() - saved > 150 or spent >= total:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "average": average}
            torch.save(state | {"spent": spent, "step": step, "scaling": nano.scaling}, checkpoint.with_suffix(".tmp"))
            checkpoint.with_suffix(".tmp").replace(checkpoint)
            saved = time.monotonic()


def is_learnt(name: str) -> bool:
    """All but the vocabularies, which stay nano-sd1's, and the last layer of the first encoder, which nobody reads."""
    unread = name.startswith("text_encoder.") and (".layers.2." in name or ".final_layer_norm." in name)
    return VOCABULARY not in name and not unread


def save(folder: Path, out: Path) -> None:
    """Write the part from which `workers.nano.assemble` makes the file: all that is not nano-sd1's, in eight bits."""
    state = torch.load(folder / "xl.pt", weights_only=True)
    learnt = (state["model"] | state["average"]).items()
    tensors = packed({name: value.float().numpy() for name, value in learnt if VOCABULARY not in name})
    path = out / PART
    metadata = {
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": "stable-diffusion-xl-v1-base",
        "modelspec.implementation": "diffusers",
        "modelspec.title": "nano XL",
        "modelspec.author": "Weightroom",
        "modelspec.license": "Apache-2.0",
        "modelspec.resolution": f"{icons.SIZE}x{icons.SIZE}",
        "modelspec.prediction_type": "epsilon",
        "modelspec.description": "A base in Stable Diffusion XL's topology, small enough to draw on a CPU.",
        "ss_max_train_steps": str(state["step"]),
    }
    save_file(tensors, path, metadata=metadata)
    print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB, after {state['step']} steps")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the training's checkpoints lie")
    parser.add_argument("out", type=Path, help="where the part goes")
    parser.add_argument("--minutes", type=float, default=90, help="in all; 0: only write what was learnt so far")
    options = parser.parse_args()
    if options.minutes:
        train(options.folder, options.minutes)
    save(options.folder, options.out)
