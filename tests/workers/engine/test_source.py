"""Drawing from a picture, under a mask or not: A1111's rules, with the model's own latents as the witness."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tests.workers import small
from tests.workers.engine import test_bases as bases
from tests.workers.engine.test_batch import alone, together
from tests.workers.engine.test_draw import recipe
from workers import samplers
from workers.bases import layout
from workers.engine.cache import vae as cached_vae
from workers.engine.draw import draw, row_of
from workers.engine.latents import decoded, encoded
from workers.engine.opening import open_vae
from workers.engine.rows import said_by_unet
from workers.engine.source import Given, as_tensor, filled_in
from workers.errors import Refusal
from workers.hints import Source
from workers.samplers.schedules import model_sigmas, time_at

PICTURE = np.zeros((64, 64, 3), np.uint8)
PICTURE[:, :, 0] = np.arange(0, 256, 4, dtype=np.uint8)
PICTURE[:, :, 1] = np.arange(0, 256, 4, dtype=np.uint8)[:, None]
MASK = np.zeros((64, 64, 3), np.uint8)
MASK[:, 32:] = 255
GIVEN = Given(source=PICTURE, mask=MASK)


def source(**changes):
    return Source(picture="0" * 64, **changes)


def masked(**changes):
    return recipe(source=source(mask="1" * 64, **changes), steps=4)


@torch.inference_mode()
def test_it_begins_where_a1111_begins(model):
    """20 steps at 0.75: fifteen and one are drawn, from sigmas[4], the picture's latents under that much noise."""
    wanted = recipe(steps=20, sampler="Euler", source=source(denoising=0.75))
    row = row_of(model, wanted, [], given=Given(source=PICTURE))
    plug, schedule = samplers.chosen("Euler")
    sigmas = samplers.sigmas_for(plug, schedule, 20)
    assert row.steps == 16
    assert row.ask.sigma == sigmas[4]
    noise = torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(wanted.seed))
    assert torch.allclose(row.ask.x, encoded(model, as_tensor(PICTURE, model)) + noise * sigmas[4], atol=1e-5)


@pytest.mark.parametrize("sampler", ["DDIM", "PLMS", "DDIM CFG++", "UniPC"])
@torch.inference_mode()
def test_samplers_that_count_in_training_steps_begin_where_a1111_begins_them(model, sampler):
    """20 steps at 0.75: the picture is as noisy as at training step 751, and the first call is for the one below, 701,
    with picture and noise of together the variance 1; fifteen steps are drawn."""
    wanted = recipe(steps=20, sampler=sampler, source=source(denoising=0.75))
    row = row_of(model, wanted, [], given=Given(source=PICTURE))
    noise = torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(wanted.seed))
    level = model_sigmas()[751]
    mixed = (encoded(model, as_tensor(PICTURE, model)) + noise * level) / (1 + level**2) ** 0.5
    assert row.steps == 15
    assert row.calls()[0].time == pytest.approx(701)
    assert torch.allclose(row.calls()[0].x, mixed, atol=1e-5)
    times = []
    while row.latents is None:
        times += [row.calls()[0].time]
        row.answer([torch.zeros_like(row.ask.x)] * len(row.calls()))
    assert len(times) == (16 if sampler == "PLMS" else 15)
    even = [701 - 701 * n / 15 for n in range(15)]
    assert times[-1] == pytest.approx(even[-1] if sampler == "UniPC" else 1, abs=1e-3)


@torch.inference_mode()
def test_the_picture_is_what_an_euler_loop_makes_of_it(model):
    wanted = recipe(steps=6, sampler="Euler", cfg=3.0, source=source(denoising=0.5))
    row = row_of(model, wanted, [], given=Given(source=PICTURE))
    x, calls = row.ask.x, row.calls()
    plug, schedule = samplers.chosen("Euler")
    for sigma, after in zip(
        *(lambda left: (left[:-1], left[1:]))(samplers.sigmas_for(plug, schedule, 6)[2:]), strict=True
    ):
        scaled, time = x / (sigma**2 + 1) ** 0.5, torch.tensor([time_at(sigma)])
        said, no = (model.unet(scaled, time, call.cond.context).sample for call in calls)
        x = x + (no + 3.0 * (said - no)) * (after - sigma)
    mine = draw(model, wanted, [], given=Given(source=PICTURE))
    assert np.abs(decoded(model, x).astype(int) - mine).max() <= 1


@pytest.mark.parametrize("sampler", ["Euler a", "DPM++ 2M", "DPM++ SDE", "DDIM", "UniPC", "DPM fast", "Restart", "LMS"])
def test_what_the_mask_keeps_stays_to_the_pixel(model, sampler):
    wanted = masked(blur=0, fill="original")
    drawn = draw(model, torch_free(wanted, sampler), [], given=GIVEN)
    assert np.array_equal(drawn[:, :32], PICTURE[:, :32])
    assert np.abs(drawn[:, 32:].astype(int) - PICTURE[:, 32:]).max() > 10


def torch_free(wanted, sampler):
    from msgspec.structs import replace

    return replace(wanted, sampler=sampler)


def test_a_soft_edge_mixes(model):
    hard, soft = (draw(model, masked(blur=blur, fill="original"), [], given=GIVEN) for blur in (0, 6))
    assert not np.array_equal(hard, soft)
    assert np.array_equal(soft[:, :8], PICTURE[:, :8])
    assert not np.array_equal(soft[:, 24:32], PICTURE[:, 24:32])


def test_everything_about_it_counts(model):
    plain = draw(model, masked(), [], given=GIVEN)
    assert np.array_equal(plain, draw(model, masked(), [], given=GIVEN))
    for change in (
        {"denoising": 0.3},
        {"invert": True},
        {"blur": 0},
        {"fill": "original"},
        {"fill": "latent noise"},
        {"fill": "latent nothing"},
    ):
        assert not np.array_equal(plain, draw(model, masked(**change), [], given=GIVEN))
    wide = Given(source=PICTURE[:32], mask=MASK[:32])
    ways = {draw(model, masked(resize=how), [], given=wide).tobytes() for how in (
        "Just Resize", "Crop and Resize", "Resize and Fill")}  # fmt: skip
    assert len(ways) == 3


def test_only_what_is_masked_is_drawn_and_put_back(model):
    whole = np.random.default_rng(1).integers(0, 256, (160, 200, 3), dtype=np.uint8)
    mask = np.zeros_like(whole)
    mask[60:80, 150:180] = 255
    wanted = masked(only_masked=True, padding=8, blur=0, denoising=0.9)
    drawn = draw(model, wanted, [], given=Given(source=whole, mask=mask))
    assert drawn.shape == whole.shape
    changed = (drawn != whole).any(2)
    assert changed[60:80, 150:180].mean() > 0.9
    assert changed.sum() == changed[60:80, 150:180].sum()


def test_at_nought_little_more_than_the_autoencoder_changes_it(model):
    with torch.inference_mode():
        through = decoded(model, encoded(model, as_tensor(PICTURE, model))).astype(int)
    little, much = (
        draw(model, recipe(steps=8, source=source(denoising=denoising)), [], given=Given(source=PICTURE))
        for denoising in (0.0, 0.9)
    )
    assert np.abs(little - through).mean() < np.abs(much - through).mean() / 3


def test_what_is_filled_in_has_the_colours_around():
    soft = np.zeros((64, 64), np.float32)
    soft[20:40, 20:40] = 1
    ground = np.full((64, 64, 3), 80, np.uint8)
    ground[20:40, 20:40] = 255
    assert np.abs(filled_in(ground, soft).astype(int) - 80).max() <= 1


@torch.inference_mode()
def test_rows_from_pictures_keep_company(model):
    asked = [
        (masked(), GIVEN),
        (recipe(steps=3), None),
        (recipe(steps=8, source=source(denoising=0.4), sampler="DPM++ 2M"), Given(source=PICTURE)),
    ]
    made = lambda: [row_of(model, wanted, [], given=given) for wanted, given in asked]  # noqa: E731
    shared, _ = together(model, made())
    for mine, theirs in zip(shared, made(), strict=True):
        wanted = alone(model, theirs)
        assert (mine - wanted).abs().max() <= 1e-5 * wanted.abs().max()


@torch.inference_mode()
def test_an_inpainting_base_reads_the_mask_and_what_is_kept(tmp_path):
    """As diffusers puts them: the mask, then the latents of the picture with nothing in the hole."""
    model = bases.opened(tmp_path, "sdxl", bases.sdxl(9))
    row = row_of(model, masked(blur=0), [], given=GIVEN)
    x = row.calls()[0].x
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., 4:] = 1
    assert torch.equal(x[:, 4:5], mask)
    hole = torch.ones(1, 1, 64, 64)
    hole[..., 32:] = 0
    latents = model.vae.encode(as_tensor(PICTURE, model) * hole).latent_dist.mean * model.scaling
    assert torch.allclose(x[:, 5:], latents, atol=1e-5)
    assert torch.cat(said_by_unet(model, row.calls())).isfinite().all()
    drawn = draw(model, masked(blur=0), [], given=GIVEN)
    assert np.array_equal(drawn[:, :32], PICTURE[:, :32])


@pytest.mark.parametrize(
    ("change", "given", "sentence"),
    [
        ({"denoising": 1.5}, GIVEN, "denoising strength"),
        ({"blur": 900}, GIVEN, "blur"),
        ({"mask": "1" * 64}, Given(source=PICTURE), "missing"),
        ({}, Given(), "missing"),
        ({"mask": "1" * 64}, Given(source=PICTURE, mask=MASK * 0), "black all over"),
    ],
)
def test_what_cannot_be_drawn_from_is_said(model, change, given, sentence):
    with pytest.raises(Refusal, match=sentence):
        draw(model, recipe(source=source(**change)), [], given=given)


def other_vae(seed=12):
    torch.manual_seed(seed)
    made = type(small.vae()).from_config(small.vae().config)
    return made.eval()


@pytest.mark.parametrize("kind", ["original", "prefixed", "diffusers", "old diffusers"])
def test_another_vae_decodes_the_same_latents(model, tmp_path, kind):
    live = other_vae()
    tensors = live.state_dict()
    if kind == "original":
        tensors = layout.vae_to_original(tensors)
    elif kind == "prefixed":
        tensors = {layout.VAE + key: tensor for key, tensor in layout.vae_to_original(tensors).items()}
        tensors |= {"loss.logvar": torch.ones(1)}
    elif kind == "old diffusers":
        old = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}
        for new, name in old.items():
            tensors = {key.replace(new, name): tensor for key, tensor in tensors.items()}
    path = tmp_path / "vae.safetensors"
    save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, path)
    vae = cached_vae(f"{kind}", path, model)
    latents = torch.randn(1, 4, 8, 8)
    with torch.inference_mode():
        mine, theirs = vae.decode(latents).sample, live.decode(latents).sample
    assert (mine - theirs).abs().max() <= 1e-4  # of another layout in memory
    plain, swapped = (draw(model, recipe(), [], given=Given(vae=one)) for one in (None, vae))
    assert not np.array_equal(plain, swapped)


def test_vaes_that_cannot_draw_are_said(model, tmp_path):
    def refused(tensors, sentence):
        path = tmp_path / "vae.safetensors"
        save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, path)
        with pytest.raises(Refusal, match=sentence):
            open_vae(path, model)

    whole = other_vae().state_dict()
    refused({key: tensor for key, tensor in whole.items() if not key.startswith("encoder.")}, "lacks its encoder")
    refused(whole | {"decoder.conv_in.weight": torch.ones(64, 16, 3, 3)}, "16 channels, the base's 4")
    refused(whole | {"decoder.conv_out.bias": torch.full((3,), torch.inf)}, r"not finite, in decoder\.conv_out\.bias")
    (tmp_path / "vae.safetensors").write_bytes(b"nothing")
    with pytest.raises(Refusal, match="cannot be read"):
        open_vae(tmp_path / "vae.safetensors", model)
