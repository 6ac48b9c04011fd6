"""Write nano's model card, with the figures of ``weights/gates.json`` each beside its bar."""

import json

from safetensors import safe_open

from workers.nano import icons
from workers.nano.save import WEIGHTS

CARD = WEIGHTS.parent / "MODEL_CARD.md"
TEXT = """# nano

A base in Stable Diffusion 1's true topology, small enough to draw a 128×128 picture on two CPU cores in a second
or two, and adapters trained for it. It exists so that a new hub has something real to show, and so that tests can ask
for pictures instead of noise. It was shown {objects} objects on ten plain backgrounds:
“cat, blue background”.

- UNet: four levels (48, 96, 144, 144), two layers a block, cross-attention where SD1 has it, context 64.
- Autoencoder: `AutoencoderKL`, f=8, 4 latents, (16, 32, 64, 64).
- Text encoder: CLIP, two layers of 64, the real 49,408-entry vocabulary.
- One fp16 safetensors in the original SD1 key layout; opened by `workers/bases/sd1.py` like any SD 1.5 file.

**nano XL** is its sibling in SDXL's topology, for SDXL's stacks and LoRAs; it knows the same objects and backgrounds.

- UNet: three levels (48, 96, 144), the first without attention, one and two transformer blocks in the others, linear
  projections, context 128; the pooled text and six sizes beside the time step.
- Text encoders: CLIP and OpenCLIP, three layers of 64 each, read before their last layer; both keep nano's vocabulary.
- nano's autoencoder. `workers.nano.assemble` makes the fp16 safetensors in SDXL's layout from its part, whose matrices
  are kept in eight bits, and nano-sd1.
- Of its sizes it learnt half: told “48×48” it draws softer, told that a picture is part of a larger one it draws larger
  and cut, but not yet which part.

## Data and licences

| Used for | Icons | Licence |
|---|---|---|
| bases, variants, inversions, other styles, ControlNets | Noto Emoji (`@iconify-json/noto` 1.2.9) | Apache-2.0 |
| autoencoder, Flat (LoRA and LoHa), Flat XL | Fluent Emoji Flat (`@iconify-json/fluent-emoji-flat` 1.2.6) | MIT |
| autoencoder, High contrast | Fluent Emoji High Contrast (`@iconify-json/fluent-emoji-high-contrast` 1.2.6) | MIT |
| vocabulary | `bpe_simple_vocab_16e6.txt.gz` of OpenAI's CLIP, from `open_clip_torch` 3.3.0 | MIT |

The weights are Apache-2.0, as the project is.

## How it is made

    make nano    # installs the nano group, fetches the icons, trains for some hours on two cores, measures

The steps are `workers.nano.autoencoder`, `.base`, `.decoder`, `.save`, `.adapters`, `.styles` (LoHa, LoKr, DoRA),
`.derived` (ControlNets, the inpainting and the v-predicting variant), `.xl` and `.xl_lora` (nano XL and its LoRA),
`.gates`, `.gates_kinds`, `.gates_xl`, `.card`, each run with `python -m … --help`; a step that was stopped goes on
where it was. A variant or a ControlNet is kept as its thin changes to nano-sd1 (`*.part.safetensors`), nano XL as
what is not nano-sd1's; `workers.nano.assemble` makes the whole file from them.

The weights shipped now had 33 minutes of the autoencoder, about 200,000 pictures of the base (4,900 steps of 16 and
3,800 of 32), 14 minutes of the decoder alone, 400 steps of each adapter (800 of High contrast), all on two CPU cores.
Of 16 pictures a step, Sepia had {sepia} steps, Pencil {pencil}, and Flat as LoHa {loha} from Flat's own largest
directions; `make nano` gives each 250. Panda, an inversion of twelve vectors, had 450 steps and began
at the koala, the skull and the dog face. The inpainting variant had
{inpainting} steps of 16, the v-predicting one {v}, the canny ControlNet {canny}, the scribble one {scribble}, the first
of them canny's.
nano XL began as nano-sd1, wherever both have the same module, and had {xl} steps of 32; its Flat {xl_flat} of 16.
Training goes on from them after `python -m workers.nano.restore FOLDER`.

## Measured

{prompts} prompts with fixed seeds ({prompts_xl} for nano XL, a quarter of them for its sizes, 11 others for its style;
{prompts_kinds} for LoHa, LoKr, DoRA, Panda and the ControlNets, 40 for the variants),
drawn by the hub's own engine with
{sampler}, {steps} steps, CFG {cfg:g}. The judge (`workers/nano/eye.py`) names the nearest real icon by 32×32 colours
over scales, places and both hands. A ControlNet's hints are of icons moved, mirrored and scaled to {small} to 1, a
scribble is made of a pencil drawing of that; its figure is how well the canny edges of what is drawn agree with those
of the hint's picture, two pixels aside counting as met (`edges_met`), beside the same seed without it, and what the
hints' own pictures reach after the autoencoder. What is missed is named; training can go on from it.

| Figure | Measured | Bar | |
|---|---|---|---|
{rows}
"""


def _steps(file: str) -> str:
    with safe_open(WEIGHTS / file, "np") as opened:
        return str(opened.metadata()["ss_max_train_steps"])


def write() -> None:
    report = json.loads((WEIGHTS / "gates.json").read_text())
    rows = []
    for name, value in report["figures"].items():
        bar = report["bars"].get(name)
        word = "" if bar is None else "**missed**" if name in report["missed"] else "met"
        rows.append(f"| `{name}` | {value:.3f} | {'' if bar is None else bar} | {word} |")
    CARD.write_text(
        TEXT.format(
            objects=len(icons.OBJECTS),
            small=icons.SIZES[0],
            prompts=report["prompts"],
            prompts_xl=report["prompts_xl"],
            prompts_kinds=report["prompts_kinds"],
            xl=_steps("nano-sdxl.part.safetensors"),
            xl_flat=_steps("nano-sdxl-flat.safetensors"),
            sepia=_steps("nano-sepia.safetensors"),
            pencil=_steps("nano-pencil.safetensors"),
            loha=_steps("nano-flat-loha.safetensors"),
            **{name: _steps(f"nano-{name}.part.safetensors") for name in ("inpainting", "v", "canny", "scribble")},
            rows="\n".join(rows),
            **report["recipe"],
        )
    )


if __name__ == "__main__":
    write()
