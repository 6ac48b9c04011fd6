"""What decides a picture, as it travels: a recipe with its files by SHA-256, and what other programs tell of one."""

from typing import Literal

import msgspec

from workers.hints import Hint, Source


class Use(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One adapter in a stack. ``token`` is the word a textual inversion answers to.

    ``text_weight``: for the text encoder, where it has a weight of its own (A1111's ``<lora:name:text:unet>``).
    ``blocks``: its block weights, a list of `workers.blocks`; none: every block counts in full.
    ``hint``: the picture that it reads, for kinds that steer by one.
    """

    kind: str
    sha256: str
    weight: float = 1.0
    text_weight: float | None = None
    blocks: tuple[float, ...] = ()
    name: str = ""
    token: str = ""
    hint: Hint | None = None


class Recipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that decides a picture, every file named by SHA-256. Same recipe, same device: the same bytes.

    In company, as one of several pictures of a call, it may differ in the last bits of fp32.
    ``dialect`` and ``emphasis``: how the prompts are read (`workers.prompts.DIALECTS`, `EMPHASES`).
    ``rng``: where noise comes from, as A1111 says it. ``ensd``, its "eta noise seed delta": added to the seed for what
    samplers draw on the way. The first noise is turned by ``variation_strength``, 0 to 1, towards ``variation_seed``'s.
    ``discard_penultimate``: every sampler's schedule goes without its sigma before the last.
    ``vae``: the autoencoder that decodes it instead of the base's own. ``source``: the picture that it starts from.
    ``refiner``: a second base of the same family, which draws on once ``refiner_switch_at``, 0 to 1, of the training
    steps' noise is behind it, as A1111 counts.
    """

    base: str
    base_family: str
    base_name: str = ""
    uses: tuple[Use, ...] = ()
    prompt: str = ""
    negative: str = ""
    sampler: str = "Euler a"
    schedule: str = "Automatic"
    steps: int = 20
    cfg: float = 7.0
    seed: int = 0
    width: int = 512
    height: int = 512
    clip_skip: int = 1
    dialect: Literal["a1111", "comfyui", "invokeai"] = "a1111"
    emphasis: Literal["Original", "No norm", "Ignore", "None"] = "Original"
    rng: Literal["CPU", "GPU"] = "CPU"
    ensd: int = 0
    variation_seed: int = 0
    variation_strength: float = 0.0
    discard_penultimate: bool = False
    vae: str = ""
    vae_name: str = ""
    refiner: str = ""
    refiner_name: str = ""
    refiner_switch_at: float = 0.8
    source: Source | None = None

    def number(self, n: int) -> "Recipe":
        """The ``n``-th picture of several, from 0: seeds count up, or variation seeds where there is a variation."""
        if self.variation_strength:
            return msgspec.structs.replace(self, variation_seed=(self.variation_seed + n) % 2**64)
        return msgspec.structs.replace(self, seed=(self.seed + n) % 2**64)


class Axis(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a plot changes along one side, by a name of `workers.plots.AXES`, and to what."""

    name: str
    values: tuple[str, ...]


class Resource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file that another program names under a picture: ``kind`` is base, refiner, lora, textual_inversion,
    hypernetwork, vae.

    ``digest``: hex of some kind and length, as the program writes it; or empty.
    """

    kind: str
    name: str = ""
    digest: str = ""
    weight: float = 1.0
    text_weight: float | None = None
    blocks: tuple[float, ...] = ()


class PictureRecipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a program wrote under a picture it drew: names, not files; None where it does not say.

    ``dialect`` and ``emphasis`` are the prompt's, as in `Recipe`. ``others``: settings that have no place here.
    """

    program: str
    prompt: str = ""
    negative: str = ""
    resources: tuple[Resource, ...] = ()
    sampler: str = ""
    schedule: str = ""
    steps: int | None = None
    cfg: float | None = None
    seed: int | None = None
    width: int | None = None
    height: int | None = None
    clip_skip: int | None = None
    dialect: Literal["a1111", "comfyui", "invokeai"] = "a1111"
    emphasis: Literal["Original", "No norm", "Ignore", "None"] = "Original"
    others: dict[str, str] = {}
