"""A picture that one base begins and another ends: SDXL's refiner, and any second base of the family."""

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLPipeline,
)

from tests.workers.engine import test_bases as made
from tests.workers.engine.test_draw import recipe
from workers.adapters import ADAPTERS
from workers.engine.batch import Engine
from workers.engine.draw import draw, plan, row_of
from workers.engine.rows import said_by_unet
from workers.engine.source import Given
from workers.errors import Refusal


@pytest.fixture(name="base")
def sdxl_base(sdxl):
    return sdxl


@pytest.fixture(scope="module")
def refiner(tmp_path_factory):
    return made.opened(tmp_path_factory.mktemp("refiner"), "sdxl", made.refiner())


def handed_on(**changes):
    return recipe(**{"refiner": "1" * 64, "refiner_switch_at": 0.5, "sampler": "DDIM", "steps": 10} | changes)


@pytest.mark.parametrize("at", [0.3, 0.8])
def test_it_is_what_diffusers_two_pipelines_draw(base, refiner, at):
    """`denoising_end` of the one, `denoising_start` of the other, on the same words and from the same noise."""
    wanted = handed_on(refiner_switch_at=at, cfg=5.0, width=64, height=64)
    betas = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    scheduler = DDIMScheduler(**betas, clip_sample=False, set_alpha_to_one=False, steps_offset=1)
    with torch.inference_mode():
        row = row_of(base, wanted, [], given=Given(refiner=refiner))
        first = row.ask.x / (row.ask.sigma**2 + 1) ** 0.5
        parts = {"vae": base.vae, "tokenizer": None, "tokenizer_2": None, "scheduler": scheduler}
        begin = StableDiffusionXLPipeline(
            **parts,
            unet=base.unet,
            text_encoder=base.text_encoders["text_encoder"],
            text_encoder_2=base.text_encoders["text_encoder_2"],
            add_watermarker=False,
        )
        end = StableDiffusionXLImg2ImgPipeline(
            **parts,
            unet=refiner.unet,
            text_encoder=None,
            text_encoder_2=refiner.text_encoders["text_encoder_2"],
            requires_aesthetics_score=True,
            add_watermarker=False,
        )
        common = {"num_inference_steps": 10, "guidance_scale": 5.0, "output_type": "latent"}
        left = begin(**spoken(base, wanted), **common, latents=first, denoising_end=at, height=64, width=64).images
        meant = end(**spoken(refiner, wanted), **common, image=left, denoising_start=at).images
        while row.latents is None:
            row.answer(said_by_unet(row.model, row.calls()))
    assert row.model is refiner
    assert float((row.latents - meant).abs().max() / meant.abs().max()) <= 1e-5


def spoken(model, wanted):
    words = plan(model, wanted, []).at(0)
    (said, _), = words.wanted  # fmt: skip
    return {
        "prompt_embeds": said.context,
        "pooled_prompt_embeds": said.pooled,
        "negative_prompt_embeds": words.unwanted.context,
        "negative_pooled_prompt_embeds": words.unwanted.pooled,
    }


def test_the_refiner_goes_without_the_stack_and_another_base_carries_it(base, refiner):
    name = "unet.down_blocks.1.attentions.0.transformer_blocks.1.attn2.to_k"
    out, read = base.shapes[name][:2]
    flat = "lora_" + name.replace(".", "_")
    torch.manual_seed(1)
    tensors = {f"{flat}.lora_down.weight": torch.randn(4, read), f"{flat}.lora_up.weight": torch.randn(out, 4)}
    edit = ADAPTERS["lora"].read(tensors, {})
    wanted = handed_on(steps=4)
    plain, stacked = (draw(base, wanted, edits, given=Given(refiner=refiner)) for edits in ([], [edit]))
    assert not np.array_equal(plain, stacked)
    # From the first step on: all of it is the refiner's, which the stack does not reach.
    at_once = handed_on(steps=4, refiner_switch_at=0.0)
    plain, stacked = (draw(base, at_once, edits, given=Given(refiner=refiner)) for edits in ([], [edit]))
    assert np.array_equal(plain, stacked)
    # The same base a second time changes nothing, stack or not.
    whole = draw(base, recipe(sampler="DDIM", steps=4), [edit])
    assert np.array_equal(whole, draw(base, wanted, [edit], given=Given(refiner=base)))


def test_at_the_end_it_never_comes(base, refiner):
    wanted = handed_on(steps=4, refiner_switch_at=1.0)
    assert np.array_equal(
        draw(base, recipe(sampler="DDIM", steps=4), []), draw(base, wanted, [], given=Given(refiner=refiner))
    )


def test_in_company_it_draws_what_it_draws_alone(base, refiner):
    engine = Engine()
    wanted = [
        handed_on(steps=4, sampler="Euler a"),
        handed_on(steps=3, seed=2),
        recipe(steps=2, seed=3),
    ]
    given = [Given(refiner=refiner), Given(refiner=refiner), Given()]
    alone = [draw(base, one, [], given=beside).astype(int) for one, beside in zip(wanted, given, strict=True)]
    coming = [engine.ask(base, one, [], given=beside) for one, beside in zip(wanted, given, strict=True)]
    for one, picture in zip(alone, coming, strict=True):
        assert np.abs(one - picture.result()).max() <= 1


def test_what_cannot_be_handed_on_is_refused(base, refiner, model):
    for odd, sentence in ((None, "is missing"), (model, "of one family")):
        with pytest.raises(Refusal, match=sentence):
            draw(base, handed_on(), [], given=Given(refiner=odd))
    with pytest.raises(Refusal, match="part of the way"):
        draw(base, handed_on(refiner_switch_at=1.5), [], given=Given(refiner=refiner))
