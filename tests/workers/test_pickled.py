"""Pickles on their way to safetensors: what honest ones become, and what happens to the others."""

import argparse
import collections
import itertools
import json
import pickle

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from workers import inspection, pickled, sandbox
from workers.adapters import ADAPTERS
from workers.messages import Sandbox

LAYOUTS = {"zip": True, "legacy": False}


@pytest.fixture(params=LAYOUTS)
def saved(request, tmp_path):
    """Writes a value as torch.save does, in each of its layouts; the report on it."""

    def save(value, name="model.ckpt"):
        path = tmp_path / name
        torch.save(value, path, _use_new_zipfile_serialization=LAYOUTS[request.param])
        return inspection.inspect(path, name, path.stat().st_size)

    return save


def lora(dtype=torch.float16):
    keys = {"lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k": (640, 768)}
    tensors = {}
    for name, (out, width) in keys.items():
        tensors[f"{name}.lora_down.weight"] = torch.randn(4, width, dtype=torch.float32).to(dtype)
        tensors[f"{name}.lora_up.weight"] = torch.randn(out, 4, dtype=torch.float32).to(dtype)
        tensors[f"{name}.alpha"] = torch.tensor(4.0, dtype=dtype)
    return tensors


def same(found, wanted):
    assert found.dtype == wanted.dtype
    assert found.shape == wanted.shape
    assert found.reshape(-1).contiguous().view(torch.uint8).equal(wanted.reshape(-1).contiguous().view(torch.uint8))


def test_it_works(saved):
    weights = lora()
    report = saved(weights, "style.pt")
    assert (report.verdict, report.kind, report.base_family, report.precision) == ("accepted", "lora", "sd1", "fp16")
    assert (report.format, report.tier) == ("PickleTensor", "A")
    assert [scan.verdict for scan in report.scans] == ["clean", "clean"]
    assert all(scan.version for scan in report.scans)
    kept = load_file(report.converted)
    assert kept.keys() == weights.keys()
    for name, tensor in weights.items():
        same(kept[name], tensor)


def test_a_trainers_checkpoint_is_converted_without_what_only_training_needs(saved):
    weights = lora()
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(3))])
    report = saved(
        {
            "epoch": 3,
            "global_step": 4000,
            "state_dict": collections.OrderedDict(weights),
            "optimizer_states": [optimizer.state_dict()],
            "callbacks": {"best": np.float64(0.5)},
            "hyper_parameters": argparse.Namespace(rate=1e-4, places=collections.defaultdict(list)),
        }
    )
    assert (report.verdict, report.tier, report.kind) == ("accepted", "B", "lora"), report.findings
    assert load_file(report.converted).keys() == weights.keys()
    told = " ".join(f"{finding.sentence} {finding.evidence}" for finding in report.findings)
    assert "Namespace" in told
    assert "optimizer_states" in told
    with safe_open(report.converted, "pt") as file:
        assert file.metadata() == {"format": "pt", "epoch": "3", "global_step": "4000"}


NUMBER_TYPES = (
    torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.complex64, torch.int64, torch.int32, torch.int16,
    torch.int8, torch.uint8, torch.bool, torch.uint16, torch.uint32, torch.uint64, torch.float8_e4m3fn,
    torch.float8_e5m2,
)  # fmt: skip


def odd_tensors():
    """Every number type; views of one storage, turned, stretched, empty, a single number, a parameter."""
    base = torch.randn(6, 8)
    found = {f"type.{number}": torch.arange(6, dtype=torch.uint8).to(number) for number in NUMBER_TYPES}
    return found | {
        "whole": base,
        "part": base[2:4],
        "columns": base[:, 3:5],
        "turned": base.t(),
        "stretched": torch.arange(3).unsqueeze(1).expand(3, 5),
        "every_other": base[::2, ::3],
        "channels_last": torch.randn(1, 3, 4, 5).to(memory_format=torch.channels_last),
        "empty": torch.zeros(0, 4),
        "number": torch.tensor(2.5),
        "parameter": torch.nn.Parameter(torch.randn(3)),
    }


@pytest.mark.parametrize(("layout", "protocol"), [("zip", 2), ("legacy", 2), ("zip", 4), ("legacy", 5)])
def test_tensors_are_equal_to_the_bit(tmp_path, layout, protocol):
    path, target = tmp_path / "odd.pt", tmp_path / "odd.safetensors"
    tensors = odd_tensors()
    torch.save(tensors, path, pickle_protocol=protocol, _use_new_zipfile_serialization=LAYOUTS[layout])
    judged = pickled.judge(path, "torch-zip" if LAYOUTS[layout] else "pickle", target, lambda *_, **__: None)
    assert (judged.verdict, judged.tier) == ("accepted", "A"), judged.findings
    kept = load_file(target)
    assert kept.keys() == tensors.keys()
    for name, tensor in tensors.items():
        same(kept[name], tensor.detach())


@pytest.mark.parametrize("tensor", [torch.zeros(3, dtype=torch.complex128), torch.eye(3).to_sparse()])
def test_what_safetensors_cannot_hold_is_refused_in_words(saved, tensor):
    report = saved({"w": tensor})
    assert report.verdict == "refused"
    assert any("safetensors" in finding.sentence for finding in report.findings if finding.severity == "danger")
    assert report.converted is None


def hypernetwork(width, structure, dropout):
    layers, state = [], {}
    for before, after in itertools.pairwise(structure):
        layers += [torch.nn.Linear(int(width * before), int(width * after)), torch.nn.ReLU()]
        layers += [torch.nn.LayerNorm(int(width * after))] + ([torch.nn.Dropout(0.3)] if dropout else [])
    for key, tensor in torch.nn.Sequential(*layers).state_dict().items():
        state[f"linear.{key}"] = tensor
    return state


def test_a_hypernetwork_keeps_its_meaning(saved):
    structure = [1, 2, 1]
    value = {width: tuple(hypernetwork(width, structure, False) for _ in "kv") for width in (320, 768)}
    report = saved(
        value
        | {
            "step": 500,
            "name": "ink",
            "layer_structure": structure,
            "activation_func": "relu",
            "is_layer_norm": True,
            "use_dropout": False,
            "activate_output": True,
            "optional_info": None,
            "sd_checkpoint": "abc",
        },
        "ink.pt",
    )
    assert (report.verdict, report.kind, report.base_family) == ("accepted", "hypernetwork", "sd1"), report.findings
    with safe_open(report.converted, "pt") as file:
        tensors, metadata = {key: file.get_tensor(key) for key in file.keys()}, file.metadata()  # noqa: SIM118
    assert metadata["name"] == "ink"
    edit = next(plug for slug, plug in ADAPTERS.items() if slug == "hypernetwork").read(tensors, metadata)
    context = torch.randn(1, 5, 768)
    keys, values = edit.context(context, context)
    for stream, found in enumerate((keys, values)):
        net = torch.nn.Sequential(
            torch.nn.Linear(768, 1536), torch.nn.ReLU(), torch.nn.LayerNorm(1536),
            torch.nn.Linear(1536, 768), torch.nn.ReLU(), torch.nn.LayerNorm(768),
        )  # fmt: skip
        net.load_state_dict({key.removeprefix("linear."): t for key, t in value[768][stream].items()})
        assert torch.allclose(found, context + net(context), atol=1e-5)


@pytest.mark.parametrize("old", [False, True])
def test_an_old_textual_inversion_keeps_its_word_and_vectors(saved, old):
    vectors = torch.randn(3, 768)
    params = {"*": torch.nn.Parameter(vectors)}
    report = saved(
        {
            "string_to_token": {"*": 265},
            "string_to_param": torch.nn.ParameterDict(params) if old else {"*": vectors},
            "name": "ink-style",
            "step": 1000,
            "sd_checkpoint": None,
        },
        "ink-style.pt",
    )
    assert (report.verdict, report.kind, report.base_family) == ("accepted", "textual_inversion", "sd1"), (
        report.findings
    )
    assert report.tier == ("B" if old else "A")
    assert (report.summary["token"], report.summary["vectors"]) == ("ink-style", 3)
    assert load_file(report.converted)["emb_params"].equal(vectors)


def test_diffusers_learned_embeddings(saved):
    report = saved({"<cat-toy>": torch.randn(768)}, "learned_embeds.bin")
    assert (report.verdict, report.kind) == ("accepted", "textual_inversion"), report.findings
    assert report.summary["token"] == "<cat-toy>"


def test_code_is_refused_and_named(saved):
    report = saved({"state_dict": lora(), "model": torch.nn.Linear(2, 2)})
    assert (report.verdict, report.tier, report.converted) == ("refused", "C", None)
    danger = next(finding for finding in report.findings if finding.severity == "danger")
    assert "can run code" in danger.sentence
    assert "torch.nn.modules.linear.Linear" in danger.evidence


def test_a_whole_pickle_without_tensors_is_no_model(tmp_path):
    path = tmp_path / "notes.pt"
    path.write_bytes(pickle.dumps({"w": [1, 2, 3]}, protocol=2))
    report = inspection.inspect(path, "notes.pt", path.stat().st_size)
    assert report.verdict == "refused"
    assert "no tensors" in report.findings[-1].sentence


def test_without_walls_nothing_is_opened(saved, monkeypatch):
    monkeypatch.setattr(sandbox, "state", lambda: Sandbox(walls="", problem="tried and failed"))
    report = saved(lora())
    assert (report.verdict, report.converted) == ("unknown", None)
    assert "sandbox does not hold" in report.findings[0].sentence


def test_a_scanner_that_flags_holds_the_file_back(saved, monkeypatch):
    real = sandbox.run

    def run(module, arguments, room):
        if arguments[:1] == ["hayward"]:
            return json.dumps({"flags": [["", True, "MFV-1: looks bad"]], "gaps": []}).encode()
        return real(module, arguments, room)

    monkeypatch.setattr(sandbox, "run", run)
    report = saved(lora())
    assert (report.verdict, report.converted) == ("unknown", None)
    assert any("hayward" in finding.sentence and "held back" in finding.sentence for finding in report.findings)


def test_a_scanner_that_breaks_off_holds_the_file_back(saved, monkeypatch):
    monkeypatch.setattr(pickled, "SCANNERS", ("picklescan", "none-such"))
    report = saved(lora())
    assert report.verdict == "unknown"
    assert [scan.verdict for scan in report.scans] == ["clean", "failed"]
