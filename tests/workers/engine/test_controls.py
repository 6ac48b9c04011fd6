"""Pictures steered by ControlNets and T2I-Adapters are those that diffusers' own nets make, alone and in company."""

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler

from tests.workers import small
from tests.workers.engine import test_bases as bases
from tests.workers.engine.test_batch import LORA, alone, row, together
from tests.workers.engine.test_draw import recipe
from workers import tokens
from workers.adapters import ADAPTERS
from workers.engine.draw import draw, row_of
from workers.engine.rows import said_by_unet
from workers.errors import Refusal
from workers.hints import Hint

PICTURE = np.random.default_rng(3).integers(0, 256, (64, 64, 3), dtype=np.uint8)
HINT = Hint(picture="0" * 64)


def net(seed=7, weight=0.8, hint=HINT, pixels=PICTURE):
    edit = ADAPTERS["controlnet"].read(small.controlnet(seed=seed).state_dict(), {})
    return edit.at(weight).reading(hint, pixels)


def t2i(weight=0.7, hint=HINT, pixels=PICTURE):
    return ADAPTERS["t2i_adapter"].read(small.t2i().state_dict(), {}).at(weight).reading(hint, pixels)


def seen(pixels=PICTURE):
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255


def distance(mine, theirs):
    return float((mine - theirs).abs().max() / theirs.abs().max())


@torch.inference_mode()
def test_a_call_says_what_diffusers_unet_and_net_say(model):
    """Two ControlNets and a T2I-Adapter at once, each with its weight."""
    mine = row(model, [net(), net(seed=9, weight=0.3), t2i()])
    calls = mine.calls()
    skips, middle = [0.0] * 12, 0.0
    x = torch.cat([call.x for call in calls])
    time = torch.tensor([call.time for call in calls])
    context = torch.cat([call.cond.context for call in calls])
    for seed, weight in ((7, 0.8), (9, 0.3)):
        made, mid = small.controlnet(seed=seed)(
            x, time, context, seen().repeat(2, 1, 1, 1), conditioning_scale=weight, return_dict=False
        )
        skips = [sum_ + one for sum_, one in zip(skips, made, strict=True)]
        middle = middle + mid
    theirs = model.unet(
        x,
        time,
        context,
        down_block_additional_residuals=skips,
        mid_block_additional_residual=middle,
        down_intrablock_additional_residuals=[feature * 0.7 for feature in small.t2i()(seen())],
    ).sample
    assert distance(torch.cat(said_by_unet(model, calls)), theirs) <= 1e-5
    plain = torch.cat(said_by_unet(model, row(model, []).calls()))
    assert distance(plain, theirs) > 0.01


def test_the_picture_is_the_one_that_diffusers_draws(model):
    """The whole way by other hands, with the net over the middle of the steps by diffusers' own rule."""
    steps, start, end = 10, 0.2, 0.7
    wanted = recipe(prompt="a cat, red", sampler="DDIM", steps=steps, cfg=5.0)
    theirs = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )
    theirs.set_timesteps(steps)
    latents = torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(wanted.seed))
    ids = [tokens.padded(tokens.encode(text)) for text in (wanted.negative, wanted.prompt)]
    control = small.controlnet()
    with torch.no_grad():
        context = model.text_encoders["text_encoder"](torch.tensor(ids)).last_hidden_state
        for number, time in enumerate(theirs.timesteps):
            both = latents.repeat(2, 1, 1, 1)
            keep = 1.0 - float(number / steps < start or (number + 1) / steps > end)
            skips, middle = control(both, time, context, seen(), conditioning_scale=0.8 * keep, return_dict=False)
            said = model.unet(
                both,
                time,
                context,
                down_block_additional_residuals=skips,
                mid_block_additional_residual=middle,
            ).sample
            unwanted, said = said.chunk(2)
            latents = theirs.step(unwanted + wanted.cfg * (said - unwanted), time, latents).prev_sample
        pixels = model.vae.decode(latents / model.scaling).sample
    picture = ((pixels[0] / 2 + 0.5).clamp(0, 1) * 255).round().permute(1, 2, 0).numpy()
    mine = draw(model, wanted, [net(hint=Hint(picture="0" * 64, start=start, end=end))])
    assert np.abs(picture - mine).max() <= 1
    assert np.abs(mine.astype(int) - draw(model, wanted, [])).max() > 20


@torch.inference_mode()
def test_rows_with_different_nets_or_none_draw_what_they_draw_alone(model):
    other = np.ascontiguousarray(PICTURE[::-1])
    late = Hint(picture="1" * 64, start=0.5, mode="My prompt is more important", preprocessor="canny", low=50, high=99)
    shared_net, shared_t2i = net(), t2i()
    stacks = [
        [],
        [shared_net],
        [LORA().at(0.3), shared_net.at(0.4).reading(late, other)],
        [shared_t2i, net(seed=9)],
        [net(seed=9, hint=Hint(picture="2" * 64, mode="ControlNet is more important")), shared_t2i.at(0.2)],
        [LORA().at(0.2)],
    ]
    made = lambda: [row(model, stack, seed=n, cfg=2.0 + n, steps=2 + n % 3) for n, stack in enumerate(stacks)]  # noqa: E731
    shared, _ = together(model, made())
    for mine, theirs in zip(shared, made(), strict=True):
        assert distance(mine, alone(model, theirs)) <= 1e-5


def test_everything_about_a_hint_counts(model):
    plain = draw(model, recipe(), [net()])
    assert np.array_equal(plain, draw(model, recipe(), [net()]))
    assert np.array_equal(draw(model, recipe(), []), draw(model, recipe(), [net(weight=0.0)]))
    for change in (
        {"preprocessor": "invert"},
        {"preprocessor": "canny", "low": 100, "high": 200},
        {"preprocessor": "scribble", "low": 32},
        {"mode": "My prompt is more important"},
        {"mode": "ControlNet is more important"},
        {"start": 0.4},
        {"end": 0.6},
    ):
        assert not np.array_equal(plain, draw(model, recipe(), [net(hint=Hint(picture="0" * 64, **change))]))
    wide = PICTURE[:32]
    ways = [draw(model, recipe(), [net(pixels=wide, hint=Hint(picture="0" * 64, resize=how))]) for how in (
        "Just Resize", "Crop and Resize", "Resize and Fill")]  # fmt: skip
    assert len({picture.tobytes() for picture in ways}) == 3
    with pytest.raises(Refusal, match="no picture to read"):
        draw(model, recipe(), [ADAPTERS["controlnet"].read(small.controlnet().state_dict(), {})])


@pytest.mark.parametrize("family", ["sd2", "sdxl"])
@torch.inference_mode()
def test_other_bases_are_steered_too(tmp_path, family):
    model = bases.opened(tmp_path, family, {"sd2": bases.sd2, "sdxl": bases.sdxl}[family]())
    live = small.controlnet(model.unet)
    edit = ADAPTERS["controlnet"].read(live.state_dict(), {}).reading(HINT, PICTURE)
    calls = row_of(model, recipe(steps=2), [edit]).calls()
    x, context = (torch.cat(parts) for parts in ([c.x for c in calls], [c.cond.context for c in calls]))
    time, more = torch.tensor([call.time for call in calls]), {}
    if family == "sdxl":
        more = {
            "text_embeds": torch.cat([c.cond.pooled for c in calls]),
            "time_ids": torch.cat([c.sizes for c in calls]),
        }
    skips, middle = live(x, time, context, seen(), added_cond_kwargs=more or None, return_dict=False)
    theirs = model.unet(
        x,
        time,
        context,
        added_cond_kwargs=more or None,
        down_block_additional_residuals=skips,
        mid_block_additional_residual=middle,
    ).sample
    assert distance(torch.cat(said_by_unet(model, calls)), theirs) <= 1e-5
