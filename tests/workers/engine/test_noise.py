import numpy as np
import torch

from workers.engine.noise import RowNoise
from workers.engine.philox import Philox
from workers.messages import Recipe


def noise(seed=1, **changes):
    return RowNoise(
        Recipe(base="", base_family="sd1", seed=seed, **changes), (4, 64, 64), torch.device("cpu"), low=0.03, high=14.6
    )


def test_it_works():
    one = noise()
    assert torch.equal(one.draw(), torch.randn((1, 4, 64, 64), generator=torch.Generator().manual_seed(1)))
    assert abs(one.between(14.6, 3.0).std() - 1) < 0.03


def test_parts_of_a_path_add_up_to_the_whole():
    one = noise()
    whole = one.between(9.0, 1.0) * 8**0.5
    parts = one.between(9.0, 4.0) * 5**0.5 + one.between(4.0, 1.0) * 3**0.5
    assert torch.allclose(whole, parts, atol=1e-4)


def test_a_path_does_not_depend_on_what_was_asked_before():
    asked_before, fresh = noise(), noise()
    asked_before.between(14.0, 2.0)
    assert torch.equal(asked_before.between(5.0, 1.0), fresh.between(5.0, 1.0))


def test_the_gpu_source_is_what_a_card_draws():
    """What ``torch.randn`` gives on CUDA with seed 0, as A1111's documentation of its own source prints it."""
    drawn = Philox(0).normal(12)
    card = [-0.92466259, -0.42534415, -2.6438457, 0.14518388, -0.12086647, -0.57972564]
    card += [-0.62285122, -0.32838709, -1.07454231, -0.36314407, -1.67105067, 2.26550497]
    assert np.abs(drawn - np.array(card)).max() < 2e-6
    one = noise(0, rng="GPU")
    first, second = one.first(), one.draw()
    assert abs(first.std() - 1) < 0.02
    assert not torch.equal(first, second)
    assert torch.equal(noise(0, rng="GPU").first(), first)


def test_eta_noise_seed_delta_changes_what_is_drawn_on_the_way_alone():
    plain, moved, other = noise(1), noise(1, ensd=31337), noise(1 + 31337)
    assert torch.equal(plain.first(), moved.first())
    assert torch.equal(moved.draw(), other.draw())
    assert not torch.equal(plain.draw(), moved.draw())


def test_a_variation_lies_between_two_seeds():
    one, other = noise(1).first(), noise(2).first()
    for strength, near in ((0.0, one), (1.0, other)):
        mixed = noise(1, variation_seed=2, variation_strength=strength or 1e-9).first()
        assert torch.allclose(mixed, near, atol=1e-4)
    middle = noise(1, variation_seed=2, variation_strength=0.5).first()
    assert abs(middle.std() - 1) < 0.05
    assert torch.allclose(noise(1, variation_seed=1, variation_strength=0.3).first(), one, atol=1e-5)
