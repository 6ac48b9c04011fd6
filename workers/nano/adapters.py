"""Train adapters for nano, and write each in the layout that people's own tools write.

Two style LoRAs (kohya), a textual inversion (kohya's ``emb_params``), a hypernetwork (A1111's layers as safetensors).
The base stays frozen; each learns from a few minutes of pictures that the base never saw.
"""

import argparse
import json
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.utils import parametrize
from transformers import CLIPTextModel

from workers import tokens
from workers.nano import autoencoder, base, icons
from workers.nano.learning import LowRank, learn

RANK = 16
LINEAR = ("to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2", "proj_in", "proj_out")
CREDITS = {
    "noto": "Noto Emoji, Apache-2.0",
    "flat": "Fluent Emoji Flat, MIT",
    "contrast": "Fluent Emoji High Contrast, MIT",
}


class Trained:
    """nano as trained so far: autoencoder, UNet and text encoder, frozen."""

    def __init__(self, folder: Path) -> None:
        self.data = icons.load(folder / "icons.npz")
        self.vae: AutoencoderKL = autoencoder.build().eval().requires_grad_(False)
        self.vae.load_state_dict(torch.load(folder / "autoencoder.pt", weights_only=True)["model"])
        state = torch.load(folder / "base.pt", weights_only=True)
        self.unet: UNet2DConditionModel = base.build_unet().to(memory_format=torch.channels_last).requires_grad_(False)
        self.unet.set_attn_processor(AttnProcessor())  # as in the base's training, for speed
        self.text: CLIPTextModel = base.build_text_encoder().requires_grad_(False)
        model = nn.ModuleDict({"unet": self.unet, "text": self.text})
        model.load_state_dict(state["average"])
        self.scaling: float = state["scaling"]


def fit(
    nano: Trained,
    parameters: Iterable[Tensor],
    latents: Tensor,
    ids: Callable[[Tensor], Tensor],
    *,
    rate: float,
    steps: int,
    generator: torch.Generator,
    count: int = 32,
    checkpoint: Path | None = None,
) -> None:
    """Minimise the noise loss on ``latents`` [N, V, 4, h, w] by changing ``parameters``.

    ids: (icon index [B], variant index [B]) stacked as [2, B] → token ids [B, 77]. checkpoint: where what is learned
    is kept every two minutes, and where a run that was stopped goes on.
    """

    def loss(generator: torch.Generator) -> Tensor:
        which = torch.randint(len(latents), (count,), generator=generator)
        variant = torch.randint(latents.shape[1], (count,), generator=generator)
        with base.fast():
            context = nano.text(ids(torch.stack([which, variant]))).last_hidden_state
            return base.noise_loss(nano.unet, latents[which, variant].float() * nano.scaling, context, generator)

    learn(parameters, loss, rate=rate, steps=steps, generator=generator, checkpoint=checkpoint)


def write(path: Path, tensors: dict[str, Tensor], **metadata: str) -> None:
    shared = {
        "ss_base_model_version": "sd_v1",
        "ss_sd_model_name": "nano-sd1.safetensors",
        "ss_resolution": "(128, 128)",
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.resolution": "128x128",
        "modelspec.author": "Weightroom",
        "modelspec.license": "Apache-2.0",
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({key: value.contiguous().half() for key, value in tensors.items()}, path, metadata=shared | metadata)
    print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB", flush=True)


# LoRA


def style_lora(nano: Trained, out: Path, *, style: str, trigger: str, title: str, steps: int, text: bool) -> None:
    """A LoRA that turns every object into ``style``; half of its captions carry ``trigger``."""
    generator = torch.Generator().manual_seed(11)
    latents, grounds = base.latents_of(nano.vae, nano.data.of(style, icons.OBJECTS), generator, variants=12)
    plain = base.Captions(icons.OBJECTS)
    marked = base.Captions(icons.OBJECTS)
    marked.ids[:, :, 0] = torch.stack(
        [
            torch.stack([base.ids_of(f"{icons.caption(name, colour)}, {trigger}") for colour in icons.BACKGROUNDS])
            for name in icons.OBJECTS
        ]
    )
    patches: dict[str, LowRank] = {}
    for name, module in nano.unet.named_modules():
        if name.endswith(LINEAR) and "attentions" in name:
            patches[f"lora_unet_{name.replace('.', '_')}"] = _patch(module)
    if text:
        for name, module in nano.text.named_modules():
            if name.endswith(("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2")):
                # kohya writes the level ``text_model``, which newer transformers dropped from the module.
                level = name if name.startswith("text_model.") else f"text_model.{name}"
                patches[f"lora_te_{level.replace('.', '_')}"] = _patch(module)

    def ids(index: Tensor) -> Tensor:
        which, variant = index
        ground = grounds[which, variant]
        with_trigger = torch.rand(len(which), 1, generator=generator) < 0.5
        return torch.where(with_trigger, marked.ids[which, ground, 0], plain.ids[which, ground, 0])

    parameters = [p for patch in patches.values() for p in patch.parameters()]
    fit(nano, parameters, latents, ids, rate=2e-3, steps=steps, generator=generator)
    tensors = {}
    for name, patch in patches.items():
        one_by_one = (1, 1) if name.endswith(("proj_in", "proj_out")) else ()
        tensors[f"{name}.lora_down.weight"] = patch.down.detach().reshape(*patch.down.shape, *one_by_one)
        tensors[f"{name}.lora_up.weight"] = patch.up.detach().reshape(*patch.up.shape, *one_by_one)
        tensors[f"{name}.alpha"] = torch.tensor(float(RANK))
    seen = {trigger: len(icons.OBJECTS) * 6} | {f"{c} background": len(icons.OBJECTS) for c in icons.BACKGROUNDS}
    write(
        out,
        tensors,
        ss_network_module="networks.lora",
        ss_network_dim=str(RANK),
        ss_network_alpha=str(float(RANK)),
        ss_output_name=out.stem,
        ss_num_train_images=str(len(icons.OBJECTS) * 12),
        ss_max_train_steps=str(steps),
        ss_learning_rate="0.002",
        ss_tag_frequency=json.dumps({f"12_{style}": seen}),
        ss_training_comment=f"Icons: {CREDITS[style]}",
        **{
            "modelspec.architecture": "stable-diffusion-v1/lora",
            "modelspec.title": title,
            "modelspec.trigger_phrase": trigger,
        },
    )


def _patch(module: nn.Module) -> LowRank:
    patch = LowRank(module.weight, RANK)  # type: ignore[arg-type]
    parametrize.register_parametrization(module, "weight", patch)
    return patch


# Textual inversion


def inversion(nano: Trained, out: Path, *, name: str, like: list[str], vectors: int, rate: float, steps: int) -> None:
    """Vectors that, in place of a word, make the base draw ``name``, which it never saw.

    like: objects of the base's that they begin as, one after the other; where empty, in the middle of all it knows.
    """
    generator = torch.Generator().manual_seed(12)
    latents, grounds = base.latents_of(nano.vae, nano.data.of("noto", [name]), generator, variants=128)
    colours = list(icons.BACKGROUNDS)
    place = tokens.encode("x")[0]  # stands for the vectors in the ids; the hook below puts them there
    sentences = torch.stack(
        [torch.tensor(tokens.padded([place] * vectors + tokens.encode(f", {colour} background"))) for colour in colours]
    )
    table = nano.text.get_input_embeddings()
    # Begin in the middle of what the base knows.
    known = torch.stack([table(torch.tensor(tokens.encode(icons.words(n))[:1]))[0] for n in icons.OBJECTS])
    rows = [icons.OBJECTS.index(like[n % len(like)]) for n in range(vectors)] if like else []
    middle = known[rows] if rows else known.mean(0)
    start = middle + known.std(0) * torch.randn(vectors, base.CONTEXT, generator=generator) * 0.3
    learned = nn.Parameter(start.detach().clone())

    def splice(_module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> Tensor:
        at = (inputs[0] == place).nonzero()
        if not len(at):
            return output
        output = output.clone()
        output[at[:, 0], at[:, 1]] = learned[(at[:, 1] - 1)]
        return output

    hook = table.register_forward_hook(splice)
    try:
        fit(
            nano, [learned], latents, lambda i: sentences[grounds[i[0], i[1]]],
            rate=rate, steps=steps, generator=generator, count=16,
        )  # fmt: skip
    finally:
        hook.remove()
    write(
        out,
        {"emb_params": learned.detach()},
        ss_output_name=out.stem,
        ss_max_train_steps=str(steps),
        ss_learning_rate=str(rate),
        ss_training_comment=f"Icons: {CREDITS['noto']}",
        **{
            "modelspec.architecture": "stable-diffusion-v1/textual-inversion",
            "modelspec.title": f"A {icons.words(name)} for nano",
            "modelspec.trigger_phrase": out.stem,
        },
    )


# Hypernetwork

STRUCTURE, ACTIVATION = [1, 2, 1], "swish"


def hypernetwork(nano: Trained, out: Path, *, title: str, steps: int) -> None:
    """Small nets before every attention's keys and values (A1111's layers) that turn pictures to the blue hour."""
    generator = torch.Generator().manual_seed(13)
    picked = nano.data.of("noto", icons.OBJECTS)
    flat = torch.tensor(list(icons.BACKGROUNDS.values()), dtype=torch.float32)
    latents, grounds = [], []
    with torch.no_grad():
        for icon in picked:
            ground = torch.randint(len(flat), (12,), generator=generator)
            pictures = icons.compose(icon.expand(12, -1, -1, -1), flat[ground], generator)
            latents.append(nano.vae.encode(dusk(pictures)).latent_dist.mean.half())
            grounds.append(ground)
    stacked, ground_of = torch.stack(latents), torch.stack(grounds)
    captions = base.Captions(icons.OBJECTS)
    nets: dict[int, nn.ModuleDict] = {}
    hooks = []
    for name, module in nano.unet.named_modules():
        if name.endswith(("to_k", "to_v")):
            width = module.in_features  # type: ignore[union-attr]
            pair = nets.setdefault(width, nn.ModuleDict({"k": _net(width), "v": _net(width)}))
            net = pair[name[-1]]
            hooks.append(module.register_forward_pre_hook(lambda _m, args, net=net: (args[0] + net(args[0]),)))
    try:
        fit(
            nano, [p for pair in nets.values() for p in pair.parameters()], stacked,
            lambda i: captions.ids[i[0], ground_of[i[0], i[1]], 0], rate=2e-3, steps=steps, generator=generator,
        )  # fmt: skip
    finally:
        for hook in hooks:
            hook.remove()
    tensors = {
        f"hn.{width}.{stream}.linear.{key}": value
        for width, pair in nets.items()
        for stream in ("k", "v")
        for key, value in pair[stream].state_dict().items()
    }
    write(
        out,
        tensors,
        layer_structure=json.dumps(STRUCTURE),
        activation_func=ACTIVATION,
        is_layer_norm="false",
        activate_output="false",
        use_dropout="false",
        name=out.stem,
        step=str(steps),
        **{"modelspec.architecture": "stable-diffusion-v1/hypernetwork", "modelspec.title": title},
    )


def dusk(pictures: Tensor) -> Tensor:
    """The same pictures in the light of the blue hour: darker, and blue in the shadows. [B, 3, S, S] in −1…1."""
    light = torch.tensor([0.42, 0.55, 0.85])[None, :, None, None]
    lift = torch.tensor([0.03, 0.06, 0.16])[None, :, None, None]
    return ((pictures + 1) / 2 * light + lift).clamp(0, 1) * 2 - 1


def _net(width: int) -> nn.Sequential:
    """A1111's module for one width: its ``swish`` is torch's Hardswish; the last layer begins at zero."""
    hidden = width * STRUCTURE[1]
    net = nn.Sequential(nn.Linear(width, hidden), nn.Hardswish(), nn.Linear(hidden, width))
    for parameter in net[2].parameters():
        nn.init.zeros_(parameter)
    return net


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the training's checkpoints lie")
    parser.add_argument("out", type=Path, help="where the adapters go")
    parser.add_argument("--only", default="flat,contrast,inversion:peach,hypernetwork")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--vectors", type=int, default=8, help="of an inversion")
    parser.add_argument("--rate", type=float, default=2e-2, help="of an inversion")
    options = parser.parse_args()
    wanted = options.only.split(",")
    torch.set_flush_denormal(True)
    for name in wanted:
        torch.manual_seed(10)
        nano = Trained(options.folder)
        if name == "flat":
            style_lora(
                nano, options.out / "nano-flat.safetensors", style="flat", trigger="flat style",
                title="Flat", steps=options.steps, text=False,
            )  # fmt: skip
        elif name == "contrast":
            style_lora(
                nano, options.out / "nano-contrast.safetensors", style="contrast", trigger="ink style",
                title="High contrast", steps=options.steps, text=True,
            )  # fmt: skip
        elif name == "hypernetwork":
            hypernetwork(nano, options.out / "nano-blue-hour.safetensors", title="Blue hour", steps=options.steps)
        elif name.startswith("inversion"):
            held_out, _, like = (name.partition(":")[2] or icons.HELD_OUT[0]).partition(":")
            out = options.out / f"nano-{held_out}.safetensors"
            begin = [one for one in like.split("+") if one]
            more = {"vectors": options.vectors, "rate": options.rate, "steps": options.steps}
            inversion(nano, out, name=held_out, like=begin, **more)
        else:
            parser.error(
                f"{name} is none of flat, contrast, inversion, inversion:NAME, inversion:NAME:LIKE+LIKE, hypernetwork"
            )


if __name__ == "__main__":
    main()
