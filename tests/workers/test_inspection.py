import io
import json
import math
import pickle
import resource
import zipfile

import msgspec
import numpy as np
import pytest

from tests.workers import models
from tests.workers.files import made, made_gguf
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
        (pickle.dumps({"w": [1, 2, 3]}), "model.ckpt", "no tensors"),
        (b"PK\x03\x04" + bytes(26) + b"archive/data.pkl" + bytes(20), "model.pt", "does not end as it should"),
        (b"PK\x03\x04" + bytes(60), "model.zip", "This ZIP archive is not sound"),
        (b"GGUF\x09\x00\x00\x00" + bytes(32), "model.gguf", "GGUF version 9"),
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


def test_a_gguf_is_recognised_by_its_tensors(inspect):
    keys = {"double_blocks.0.img_attn.norm.key_norm.scale": [128], "img_in.weight": [3, 64]}
    report = inspect(made_gguf.of(keys | {"guidance_in.in_layer.weight": [3, 4]}), "flux.gguf")
    assert (report.verdict, report.kind, report.base_family, report.base_variant) == (
        "accepted",
        "base",
        "flux1",
        "dev",
    )
    assert (report.format, report.precision) == ("GGUF", "fp16")
    assert report.metadata["general.architecture"] == "flux"
    assert report.summary["parameters"] == 128 + 3 * 64 + 3 * 4


def test_a_quantised_file_says_how(inspect):
    infos = [made_gguf.info("double_blocks.0.img_attn.norm.key_norm.scale", [128], 0, 0)]
    infos.append(made_gguf.info("double_blocks.0.img_mod.lin.weight", [256, 4], 12, 512))
    data = b"\0\0\x80\x3f" * 128 + bytes(4 * 144)
    report = inspect(made_gguf.file([], infos, data), "flux.gguf")
    assert (report.verdict, report.base_variant, report.precision) == ("accepted", "schnell", "Q4_K")


def test_a_gguf_is_told_from_its_first_bytes():
    raw = made_gguf.of({"double_blocks.0.img_attn.norm.key_norm.scale": [128], "x": [4096, 64]})
    report = inspection.inspect_head(raw[:4096], "flux.gguf", len(raw))
    assert (report.kind, report.base_family) == ("base", "flux1")
    assert inspection.inspect_head(raw[:60], "flux.gguf", len(raw)) is None


def test_a_chat_template_that_reaches_out_is_refused(inspect):
    attack = "{{ ''.__class__.__mro__[1].__subclasses__() }}"
    for template, verdict in ((attack, "refused"), ("{% for m in messages %}{{ m.content }}{% endfor %}", "accepted")):
        keys = [made_gguf.word("general.architecture", "llama"), made_gguf.word("tokenizer.chat_template", template)]
        infos = [
            made_gguf.info("token_embd.weight", [4, 8], 0, 0),
            made_gguf.info("blk.0.attn_norm.weight", [4], 0, 128),
        ]
        report = inspect(made_gguf.file(keys, infos, b"\0\0\x80\x3f" * 36), "model.gguf")
        assert report.verdict == verdict, report.findings
        assert report.kind == "text_encoder"
        assert any("chat template" in finding.sentence for finding in report.findings)


def zipped(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, raw in files.items():
            archive.writestr(name, raw)
    return out.getvalue()


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (
            {"a.safetensors": models.lora(), "b.png": b"\x89PNG\r\n\x1a\n" + bytes(9)},
            "1 file of weights and 1 picture.",
        ),
        ({"a.safetensors": models.lora(), "b.gguf": made_gguf.of({"x": [4]})}, "2 files of weights. Archives are kept"),
        ({"a.jpg": b"\xff\xd8\xff" + bytes(9)}, "1 picture and no weights"),
        ({"read.me": b"hello"}, "neither weights nor pictures"),
        ({"x.safetensors": b"\x7fELF\x02" + bytes(20)}, "holds programs"),
    ],
)
def test_a_zip_is_listed_and_kept_closed(files, says, inspect):
    report = inspect(zipped(**files), "pack.zip")
    assert report.verdict == "refused"
    assert any(says in sentence for sentence in dangers(report)), report.findings


@pytest.mark.parametrize(("spread", "variant", "predicts"), [(0.2, "v-prediction", "v"), (0.02, "", "epsilon")])
def test_one_bias_says_what_an_sd2_predicts(spread, variant, predicts, inspect):
    bias = "model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias"
    rest = {
        "model.diffusion_model.input_blocks.0.0.weight": [4, 4, 3, 3],
        "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": [4, 1024],
        "model.diffusion_model.out.2.weight": [4, 4, 3, 3],
    }
    numbers = np.random.default_rng(0).normal(0, spread, 320).astype(np.float16)
    entries = {name: ("F16", shape, b"\x01\x3c" * math.prod(shape)) for name, shape in rest.items()}
    report = inspect(made.tensors(entries | {bias: ("F16", [320], numbers.tobytes())}))
    assert (report.base_family, report.base_variant, report.summary["prediction"]) == ("sd2", variant, predicts)


def test_a_file_that_fits_several_families_asks_its_owner(inspect):
    keys = {"decoder.conv_in.weight": [8, 4, 3, 3], "decoder.mid.block_1.norm1.weight": [8]}
    asked = inspect(made.shapes(keys))
    assert (asked.verdict, asked.kind, asked.base_family) == ("accepted", "vae", "")
    assert asked.summary["candidates"] == ["sd1", "sd2", "sdxl"]
    assert "say yourself which it is for" in asked.findings[0].sentence
    told = inspect(made.shapes(keys, {"modelspec.architecture": "stable-diffusion-xl-v1-base/vae"}))
    assert (told.base_family, told.findings) == ("sdxl", ())


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
