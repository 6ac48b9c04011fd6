"""The gate: what it must never let pass, in every layout, and what it says."""

import argparse
import collections
import pickle
import time

import numpy as np
import pytest
import torch

from tests.workers import hostile
from workers import inspection
from workers.files import torch_file
from workers.files.pickle import read
from workers.files.pickle_values import BadPickle

EXTENSIONS = (".ckpt", ".pt", ".pth", ".bin", ".zip", ".safetensors", ".gguf")


def refused(tmp_path, content: bytes) -> BadPickle:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(BadPickle) as told:
        torch_file.read(path)
    assert len(told.value.sentence) > 20
    return told.value


@pytest.mark.parametrize("layout", ["zip", "legacy"])
def test_the_writer_of_hostile_files_also_writes_good_ones(tmp_path, layout):
    path = tmp_path / "good.pt"
    path.write_bytes(hostile.LAYOUTS[layout](hostile.GOOD))
    found = torch_file.read(path)
    assert (found.layout, found.tier, list(found.value)) == (layout, "A", ["<word>"])
    path.write_bytes(hostile.LAYOUTS[layout](hostile.HARMLESS))
    assert torch_file.read(path).value == {}


def test_there_are_hundreds_of_techniques():
    assert len(hostile.GADGETS) + len(hostile.SHAPES) + len(hostile.CONTAINERS) >= 400


@pytest.mark.parametrize("layout", hostile.LAYOUTS)
def test_no_gadget_passes(tmp_path, layout):
    for dotted, pickled in hostile.GADGETS.items():
        bad = refused(tmp_path, hostile.LAYOUTS[layout](pickled))
        assert (bad.tier, bad.code) == ("C", "code"), dotted
        assert dotted.replace("__builtin__", "builtins") in bad.evidence


@pytest.mark.parametrize("layout", ["zip", "legacy"])
def test_no_gadget_passes_as_later_protocols_write_it(tmp_path, layout):
    for dotted, pickled in hostile.GADGETS_LATER.items():
        bad = refused(tmp_path, hostile.LAYOUTS[layout](pickled))
        assert (bad.tier, bad.code) == ("C", "code"), dotted
        assert dotted in bad.evidence


@pytest.mark.parametrize("shape", hostile.SHAPES)
def test_no_shape_passes(tmp_path, shape):
    for layout, wrapped in hostile.LAYOUTS.items():
        if layout == "raw" and shape == "nothing but a stop":
            continue
        refused(tmp_path, wrapped(hostile.SHAPES[shape]))


@pytest.mark.parametrize("container", hostile.CONTAINERS)
def test_no_container_passes(tmp_path, container):
    refused(tmp_path, hostile.CONTAINERS[container])


@pytest.mark.parametrize("ending", EXTENSIONS)
def test_under_every_extension(tmp_path, ending):
    for content in (hostile.torch_zip(hostile.EVIL), hostile.legacy(hostile.EVIL), hostile.EVIL):
        path = tmp_path / f"model{ending}"
        path.write_bytes(content)
        report = inspection.inspect(path, path.name, len(content))
        assert report.verdict == "refused"
        assert report.converted is None


def test_names_are_told_together_and_bounded():
    payload = b"".join(hostile.name(f"evil.name{n}") + b"0" for n in range(2))
    with pytest.raises(BadPickle) as told:
        read(hostile.PROTO + b"]" + b"".join(hostile.name(f"evil.name{n}") + b"a" for n in range(500)) + b".")
    assert "40 names or more" in told.value.sentence
    assert "evil.name0, evil.name1" in told.value.evidence
    assert len(told.value.evidence) <= 200
    assert payload


def test_values_that_lie_in_each_other_are_refused_at_once(tmp_path):
    """Two to the power of a hundred tensors, if they were counted one by one."""
    value: list = [torch.zeros(1)]
    for _ in range(100):
        value = [value, value]
    loop: dict = {"w": torch.zeros(1)}
    loop["self"] = loop
    for tangled in ({"a": value}, loop):
        path = tmp_path / "tangled.pt"
        torch.save(tangled, path)
        begun = time.monotonic()
        report = inspection.inspect(path, path.name, path.stat().st_size)
        assert report.verdict == "refused"
        assert any("nested" in finding.sentence for finding in report.findings)
        assert time.monotonic() - begun < 20


def test_ten_thousand_nested_tuples_end_in_a_sentence(tmp_path):
    deep = hostile.PROTO + b"}" + hostile.text("a") + b")" + b"\x85" * 1_000_000 + b"s."
    path = tmp_path / "deep.pt"
    path.write_bytes(hostile.legacy(deep))
    report = inspection.inspect(path, path.name, path.stat().st_size)
    assert report.verdict == "refused"


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_plain_pickle_of_plain_values_is_read(protocol):
    long = "long" * 30_000  # out of the frames
    value = {"a": [1, 2.5, None, True, "x", (1, 2), 2**70], "b": {3: 4}, long: long, "many": list(range(50_000))}
    found = read(pickle.dumps(value, protocol))
    assert (found.value, found.tier) == (value, "A")
    found = read(pickle._dumps(value, protocol))  # the pickler in Python cuts its frames elsewhere
    assert (found.value, found.tier) == (value, "A")


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_bytes_and_sets_of_later_protocols_are_read(protocol):
    value = {"b": b"x" * 3, "long": b"y" * 70_000, "s": {1}, "f": frozenset({"a"}), "e": set()}
    found = read(pickle.dumps(value, protocol)).value
    assert (found["b"], found["long"]) == (value["b"], value["long"])
    assert (list(found["s"]), list(found["f"]), list(found["e"])) == ([1], ["a"], [])


@pytest.mark.parametrize("layout", ["zip", "legacy"])
@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_what_torch_saves_in_later_protocols_is_read(tmp_path, layout, protocol):
    path = tmp_path / "later.pt"
    weights = collections.OrderedDict({f"w.{n}": torch.zeros(n, 2) for n in range(3000)})
    beside = {"args": argparse.Namespace(rate=0.1, tags={"a"}), "best": np.float64(1), "mean": np.zeros(3)}
    torch.save(
        {"state_dict": weights} | beside,
        path,
        pickle_protocol=protocol,
        _use_new_zipfile_serialization=layout == "zip",
    )
    found = torch_file.read(path)
    assert (found.layout, found.tier, len(found.value["state_dict"])) == (layout, "B", 3000)
    assert found.value["state_dict"]["w.7"].shape == (7, 2)
