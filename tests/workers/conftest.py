import pytest
import torch

from tests.workers import small
from workers.bases import BASES


@pytest.fixture(scope="session")
def small_file(tmp_path_factory):
    """A checkpoint of nano's shapes with random weights."""
    return small.checkpoint(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def model(small_file):
    """That checkpoint, open on the CPU; whoever applies something to it must leave it as it was."""
    torch.set_num_threads(1)
    return BASES["sd1"].open(small_file, torch.device("cpu"), torch.float32)
