"""Real files, stripped to names and shapes: what recognition must say of each. To add a case, add a file."""

import gzip
import json
from pathlib import Path

import pytest

from workers import inspection, metadata
from workers.plugins import Header, TensorInfo

LAYOUTS = sorted((Path(__file__).parent / "layouts").glob("*.json.gz"))


def layout(path: Path) -> tuple[Header, dict]:
    content = json.loads(gzip.decompress(path.read_bytes()))
    tensors = {name: TensorInfo("F16", tuple(shape), 0, 0) for name, shape in content["tensors"].items()}
    return Header(tensors, content["metadata"]), content["expect"]


@pytest.mark.parametrize("path", LAYOUTS, ids=[path.name.removesuffix(".json.gz") for path in LAYOUTS])
def test_recognised(path):
    header, expect = layout(path)
    described = metadata.describe(header.metadata)
    found = inspection.settled(inspection.recognise(header), described)
    assert found is not None
    said = inspection.summary_of(header, found, described) | {
        "kind": found.kind,
        "family": found.family,
        "variant": found.match.variant,
        "candidates": list(found.match.candidates),
        "asks": found.match.asks,
    }
    assert {name: said.get(name) for name in expect} == expect
    unclaimed = set(header) - found.match.claimed
    assert len(unclaimed) == expect.get("unclaimed", 0), sorted(unclaimed)[:5]
