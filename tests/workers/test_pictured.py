"""Textual inversions in PNGs on their way to safetensors, behind walls that hold."""

import hashlib

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.torch import load_file

from tests.workers.files import made_embeddings as made
from workers import inspection, pictured, sandbox
from workers.adapters import ADAPTERS
from workers.inspection import inspect_head
from workers.messages import Sandbox
from workers.sandbox import SandboxFailed


@pytest.fixture
def saved(tmp_path):
    """Writes bytes under a name; the report on them."""

    def save(raw, name="ink-style.png"):
        path = tmp_path / name
        path.write_bytes(raw)
        report = inspection.inspect(path, name, len(raw))
        assert path.read_bytes() == raw  # the original stays as it came
        return report

    return save


@pytest.mark.parametrize("write", [made.in_chunk, made.in_pixels])
def test_it_works(saved, write):
    rows = made.vectors(3)
    report = saved(write(made.said(rows, name="ink-style", step=1500, sd_checkpoint_name="anything")))
    assert (report.verdict, report.kind, report.base_family) == ("accepted", "textual_inversion", "sd1"), (
        report.findings
    )
    assert (report.format, report.precision, report.tier, report.scans) == ("Other", "fp32", "", ())
    assert (report.summary["token"], report.summary["vectors"]) == ("ink-style", 3)
    with safe_open(report.converted, "pt") as file:
        tensors, metadata = {key: file.get_tensor(key) for key in file.keys()}, file.metadata()  # noqa: SIM118
    assert (metadata["name"], metadata["step"], metadata["token"]) == ("ink-style", "1500", "*")
    words = ADAPTERS["textual_inversion"].read(tensors, metadata).words()
    assert words["ink-style"]["text_encoder"].numpy().tobytes() == rows.tobytes()


def test_the_same_picture_gives_the_same_file(saved):
    raw = made.in_pixels(made.said(made.vectors(), name="ink", step=3))
    first, second = (hashlib.sha256(saved(raw).converted.read_bytes()).digest() for _ in "12")
    assert first == second


def test_an_sd2_and_an_sdxl_embedding_are_told_by_their_width(saved):
    assert saved(made.in_pixels(made.said(made.vectors(1, 1024)))).base_family == "sd2"
    pair = {key: {"TORCHTENSOR": made.vectors(2, n).tolist()} for key, n in (("clip_l", 768), ("clip_g", 1280))}
    report = saved(made.in_chunk(pair))
    assert (report.kind, report.base_family) == ("textual_inversion", "sdxl")
    assert load_file(report.converted).keys() == pair.keys()


def test_a_picture_is_sent_to_the_models_page(saved):
    report = saved(made.png(made.drawing()), "cat.png")
    assert (report.verdict, report.converted, report.format) == ("refused", None, "png")
    assert [finding.sentence for finding in report.findings] == [
        "This is a PNG. Pictures are added on the model's page."
    ]


def test_a_damaged_one_says_what_to_do(saved):
    report = saved(made.in_pixels(b"", packed=b"\x78\x9c" + b"\xff" * 900))
    assert report.verdict == "refused"
    assert "Upload the file as its trainer saved it." in report.findings[0].sentence


def test_vectors_that_no_base_reads_are_unknown(saved):
    report = saved(made.in_chunk(made.said(made.vectors(1, 100))))
    assert (report.verdict, report.converted) == ("unknown", None)


@pytest.mark.parametrize("name", ["ink.safetensors", "ink.pt"])
def test_a_name_that_promises_something_else_is_refused(saved, name):
    report = saved(made.in_chunk(made.said(made.vectors())), name)
    assert (report.verdict, report.converted) == ("refused", None)
    assert "the bytes are a PNG picture" in report.findings[0].sentence


def test_hostile_names_are_kept_as_plain_text(saved):
    report = saved(made.in_chunk(made.said(made.vectors(), name="a\u202e\x00b" + "x" * 20_000)))
    assert report.verdict == "accepted"
    with safe_open(report.converted, "pt") as file:
        assert file.metadata()["name"].startswith("abx")
        assert len(file.metadata()["name"]) <= 10_000


def test_its_first_bytes_say_nothing_yet():
    raw = made.in_chunk(made.said(made.vectors()))
    early = inspect_head(raw[:5000], "ink.png", len(raw))
    assert (early.verdict, early.findings) == ("unknown", ())


def test_without_walls_nothing_is_opened(saved, monkeypatch):
    monkeypatch.setattr(sandbox, "state", lambda: Sandbox(walls="", problem="tried and failed"))
    report = saved(made.in_chunk(made.said(made.vectors())))
    assert (report.verdict, report.converted) == ("unknown", None)
    assert "sandbox does not hold" in report.findings[0].sentence


@pytest.mark.parametrize(("why", "words"), [("time", "too long"), ("memory", "more memory"), ("broke", "broke off")])
def test_a_reader_that_breaks_off_is_unknown(saved, monkeypatch, why, words):
    def run(*_):
        raise SandboxFailed(why)

    monkeypatch.setattr(sandbox, "run", run)
    report = saved(made.in_chunk(made.said(made.vectors())))
    assert (report.verdict, report.converted) == ("unknown", None)
    assert words in report.findings[0].sentence


def test_the_largest_fits_the_room(saved):
    """The most vectors that a prompt can hold, in one text and in a picture at the limit of pixels."""
    rows = made.vectors(75, 1024)
    report = saved(made.in_chunk(made.said(rows)))
    assert load_file(report.converted)["emb_params"].numpy().tobytes() == rows.tobytes()
    pixels = np.full((4000, 4000, 3), 255, np.uint8)
    assert [found.sentence for found in saved(made.png(pixels)).findings] == [pictured.NO_EMBEDDING]
