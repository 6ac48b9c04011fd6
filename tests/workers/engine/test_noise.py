import torch

from workers.engine.noise import RowNoise


def noise(seed=1):
    return RowNoise(seed, (4, 64, 64), torch.device("cpu"), low=0.03, high=14.6)


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
