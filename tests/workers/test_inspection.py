import json
import pickle
import resource

import msgspec
import numpy as np
import pytest

from tests.workers import models
from tests.workers.files import made
from workers import inspection


@pytest.fixture
def inspect(tmp_path):
    def inspected(raw: bytes, name: str = "model.safetensors", size: int | None = None) -> inspection.Report:
        path = tmp_path / "file"
        path.write_bytes(raw)
        report = inspection.inspect(path, name, len(raw) if size is None else size)
        json.dumps([report.metadata, report.summary, msgspec.to_builtins(report.findings)], allow_nan=False)
        return report

    return inspected


def dangers(report: inspection.Report) -> list[str]:
    return [finding.sentence for finding in report.findings if finding.severity == "danger"]


def test_it_works(inspect):
    metadata = {"ss_base_model_version": "sd_v1", "modelspec.trigger_phrase": "ohwx", "sshs_model_hash": "ab" * 32}
    report = inspect(models.lora(metadata=metadata))
    assert (report.verdict, report.kind, report.base_family) == ("accepted", "lora", "sd1")
    assert report.findings == ()
    assert (report.format, report.precision) == ("SafeTensor", "fp16")
    assert report.trigger_words == ("ohwx",)
    assert report.sshs == "ab" * 32
    assert report.metadata["ss_base_model_version"] == "sd_v1"
    assert report.summary["tensors"] == 3
    assert report.summary["unclaimed"] == 0
    assert report.summary["rank"] == 2


@pytest.mark.parametrize(
    ("raw", "kind", "family"),
    [
        (models.lora(768), "lora", "sd1"),
        (models.lora(1024), "lora", "sd2"),
        (models.lora(2048), "lora", "sdxl"),
        (models.textual_inversion(768), "textual_inversion", "sd1"),
        (models.textual_inversion(1024), "textual_inversion", "sd2"),
        (made.shapes({"clip_l": [2, 768], "clip_g": [2, 1280]}), "textual_inversion", "sdxl"),
        (made.shapes({"<cat-toy>": [768]}), "textual_inversion", "sd1"),
        (models.hypernetwork(768), "hypernetwork", "sd1"),
        (models.checkpoint(768), "base", "sd1"),
        (models.checkpoint(1024), "base", "sd2"),
        (models.sdxl(), "base", "sdxl"),
    ],
    ids=[
        "lora sd1",
        "lora sd2",
        "lora sdxl",
        "inversion sd1",
        "inversion sd2",
        "inversion sdxl",
        "inversion by token",
        "hypernetwork",
        "checkpoint sd1",
        "checkpoint sd2",
        "checkpoint sdxl",
    ],
)
def test_whose_file_it_is(raw, kind, family, inspect):
    report = inspect(raw)
    assert (report.verdict, report.kind, report.base_family) == ("accepted", kind, family)


def test_what_metadata_tells_stands_beside_what_tensors_tell(inspect):
    report = inspect(models.lora(metadata={"ss_num_epochs": "10", "ss_network_dim": "999", "ss_resolution": "512"}))
    assert report.summary["training"] == {"epochs": 10}
    assert report.summary["network"] == {"rank": 999}
    assert report.summary["rank"] == 2
    assert report.summary["resolution"] == [512, 512]


def test_a_checkpoint_is_full_or_pruned(inspect):
    assert inspect(models.checkpoint()).summary["size_kind"] == "pruned"
    assert inspect(models.checkpoint(**{"model_ema.decay": [1]})).summary["size_kind"] == "full"


def test_tensors_that_nobody_claims_are_told(inspect):
    report = inspect(models.lora(768, extra=[3], **{"other.thing": [1]}))
    (finding,) = report.findings
    assert report.verdict == "accepted"
    assert finding.severity == "warning"
    assert finding.sentence.startswith("2 tensors are not part of a LoRA")
    assert finding.evidence == "extra, other.thing"


def test_a_file_that_nobody_knows_is_unknown(inspect):
    report = inspect(made.shapes({"layer.weight": [2, 2]}))
    assert (report.verdict, report.kind, report.base_family) == ("unknown", "", "")
    assert "No base, adapter or part" in report.findings[0].sentence
    assert report.findings[0].evidence == "layer.weight"


def test_a_file_without_tensors_is_unknown(inspect):
    assert inspect(made.framed("{}")).verdict == "unknown"


def test_tensors_are_believed_over_metadata(inspect):
    report = inspect(models.lora(768, metadata={"ss_base_model_version": "sdxl_base_v1-0"}))
    assert report.base_family == "sd1"
    assert "for sdxl, its tensors fit sd1" in report.findings[0].sentence


@pytest.mark.parametrize(
    ("raw", "name", "says"),
    [
        (models.lora(), "model.ckpt", "ends in .ckpt, but the bytes are safetensors"),
        (
            pickle.dumps({"w": [1, 2, 3]}),
            "model.safetensors",
            "ends in .safetensors, but the bytes are a Python pickle",
        ),
        (pickle.dumps({"w": [1, 2, 3]}), "model.ckpt", "opening it can run code"),
        (b"PK\x03\x04" + bytes(26) + b"archive/data.pkl" + bytes(20), "model.pt", "Convert it to safetensors"),
        (b"PK\x03\x04" + bytes(60), "model.zip", "Unpack it"),
        (b"GGUF\x03\x00\x00\x00" + bytes(32), "model.gguf", "GGUF"),
        (b"version https://git-lfs.github.com/spec/v1\n", "model.safetensors", "git lfs pull"),
        (b"<!doctype html><title>Sign in</title>", "model.safetensors", "web page"),
        (b"<Error><Code>NoSuchKey</Code></Error>", "model.safetensors", "object store's error"),
        (b"\x89PNG\r\n\x1a\n" + bytes(20), "model.safetensors", "PNG picture"),
        (b"\x7fELF\x02" + bytes(20), "model.bin", "Linux program"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(20), "model.7z", "This is an archive"),
        (b"", "model.safetensors", "empty"),
        (b"plain text, nothing more", "model.xyz", "no format that we know"),
        (b"plain text, nothing more", "model.safetensors", "cut off or no safetensors"),
        (models.lora()[:-1], "model.safetensors", "cut off"),
        (models.lora() + b"x", "model.safetensors", "follow the last tensor"),
    ],
)
def test_what_is_no_sound_safetensors_file_is_refused(raw, name, says, inspect):
    report = inspect(raw, name)
    assert report.verdict == "refused"
    assert any(says in sentence for sentence in dangers(report)), report.findings


def test_another_size_than_announced_is_refused(inspect):
    report = inspect(models.lora(), size=10)
    assert report.verdict == "refused"
    assert "10 were announced" in dangers(report)[0]


def test_every_problem_is_told_at_once(inspect):
    raw = models.lora(768, metadata={"sshs_model_hash": "<img src=x onerror=alert(1)>"}, **{"../x": [1]})
    report = inspect(raw, "model.pt")
    assert report.verdict == "refused"
    assert len(dangers(report)) == 2
    assert any("path out of a folder" in finding.sentence for finding in report.findings)
    assert "onerror" not in json.dumps(report.metadata)


def test_hostile_names_do_not_reach_the_summary_raw(inspect):
    report = inspect(made.shapes({"evil\x00\u202e<script>": [768]}))
    assert report.kind == "textual_inversion"
    assert "\x00" not in report.summary["token"]
    assert "\u202e" not in report.summary["token"]


def test_nan_is_warned_of(inspect):
    weights = np.full((2, 768), np.nan, np.float16).tobytes()
    report = inspect(made.tensors({"emb_params": ("F16", [2, 768], weights)}))
    assert report.verdict == "accepted"
    assert "NaN" in report.findings[0].sentence


@pytest.mark.parametrize(
    ("dtypes", "precision"),
    [
        ({"a": ("F16", [100])}, "fp16"),
        ({"a": ("BF16", [100])}, "bf16"),
        ({"a": ("F32", [100])}, "fp32"),
        ({"a": ("F8_E4M3", [100])}, "fp8"),
        ({"a": ("F16", [100]), "b": ("F32", [2]), "c": ("I64", [500])}, "fp16"),
        ({"a": ("F16", [100]), "b": ("F32", [50])}, "mixed"),
        ({"a": ("I64", [100])}, ""),
    ],
)
def test_precision(dtypes, precision, inspect):
    widths = {"F16": 2, "BF16": 2, "F32": 4, "F8_E4M3": 1, "I64": 8}
    entries = {name: (dtype, shape, b"\x01" * (shape[0] * widths[dtype])) for name, (dtype, shape) in dtypes.items()}
    assert inspect(made.tensors(entries)).precision == precision


def test_a_hostile_header_takes_bounded_memory(inspect):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    entries = ",".join(f'"{n}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}' for n in range(300_000))
    report = inspect(made.framed("{" + entries + "}"))
    assert "more than 1,000,000 texts" in dangers(report)[0]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024
