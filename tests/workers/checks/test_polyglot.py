import io
import os
import pickle
import zipfile

import pytest

from tests.workers.checks.opened import findings
from tests.workers.files import made
from workers.checks.polyglot import check


def archive(comment: bytes = b"") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as zipped:
        zipped.writestr("archive/data.pkl", pickle.dumps({"a": 1}))
        zipped.comment = comment
    return out.getvalue()


def test_it_works(tmp_path):
    assert findings(check, tmp_path, made.tensors({"w": ("U8", [200_000], os.urandom(200_000))})) == []


@pytest.mark.parametrize("comment", [b"", b"x" * 60_000], ids=["plain", "long comment"])
def test_a_zip_at_the_end_refuses(comment, tmp_path):
    packed = bytes(10) + archive(comment)
    raw = made.tensors({"w": ("U8", [len(packed)], packed)})
    (finding,) = findings(check, tmp_path, raw)
    assert (finding.severity, "ZIP archive as well" in finding.sentence) == ("danger", True)


def test_an_empty_zip_at_the_end_refuses(tmp_path):
    packed = bytes(64) + b"PK\x05\x06" + bytes(18)
    assert findings(check, tmp_path, made.tensors({"w": ("U8", [len(packed)], packed)}))[0].severity == "danger"


def test_the_four_letters_alone_mean_nothing(tmp_path):
    packed = b"\x01" * 100 + b"PK\x05\x06" + b"\x3c" * 100
    assert findings(check, tmp_path, made.tensors({"w": ("F16", [len(packed) // 2], packed)})) == []


@pytest.mark.parametrize(
    ("packed", "says"),
    [
        (archive() + bytes(70 * 1024), "PyTorch pickle"),
        (pickle.dumps({"a": list(range(50))}), "Python pickle"),
        (b"\x7fELF\x02\x01\x01" + bytes(100), "Linux program"),
        (b"MZ" + bytes(58) + b"\x40\x00\x00\x00PE\x00\x00", "Windows program"),
        (b"%PDF-1.7" + bytes(30), "PDF"),
        (b"<html><script>alert(1)</script>", "web page"),
    ],
    ids=["zip", "pickle", "elf", "pe", "pdf", "html"],
)
@pytest.mark.parametrize("first", [True, False], ids=["first tensor", "later tensor of bytes"])
def test_another_format_where_a_tensor_begins_refuses(packed, says, first, tmp_path):
    entries = {"packed": ("U8", [len(packed)], packed), "w": ("F16", [2], b"\x01\x3c" * 2)}
    raw = made.tensors(entries if first else dict(reversed(entries.items())))
    (finding,) = findings(check, tmp_path, raw)
    assert finding.severity == "danger"
    assert says in finding.sentence
    assert finding.evidence == "packed"
