import gzip
import io
import pickle
import tarfile
import zipfile

import pytest

from tests.workers.files import made
from workers.files.sniff import sniff, sniff_path


def zipped(name: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, pickle.dumps({"a": 1}))
    return out.getvalue()


def tarred() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a"))
    return out.getvalue()


FILES = {
    "safetensors": made.shapes({"w": [2]}),
    "torch-zip": zipped("archive/data.pkl"),
    "zip": zipped("readme.txt"),
    "gguf": b"GGUF\x03\x00\x00\x00" + bytes(16),
    "png": b"\x89PNG\r\n\x1a\n" + bytes(16),
    "jpeg": b"\xff\xd8\xff\xe0" + bytes(16),
    "gif": b"GIF89a" + bytes(16),
    "webp": b"RIFF\x10\x00\x00\x00WEBPVP8 ",
    "elf": b"\x7fELF\x02\x01\x01" + bytes(16),
    "pe": b"MZ" + bytes(58) + b"\x40\x00\x00\x00" + b"PE\x00\x00",
    "pdf": b"%PDF-1.7\n",
    "html": b"\n <!-- hi --><HTML lang=en>",
    "lfs-pointer": b"version https://git-lfs.github.com/spec/v1\n",
    "xml-error": b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code></Error>',
    "7z": b"7z\xbc\xaf\x27\x1c" + bytes(16),
    "gzip": gzip.compress(b"hello"),
    "tar": tarred(),
    "empty": b"",
    "": b"the quick brown fox",
}


@pytest.mark.parametrize(("name", "raw"), FILES.items(), ids=[name or "unknown" for name in FILES])
def test_it_works(name, raw, tmp_path):
    assert sniff(raw[:4096], len(raw)) == name
    (tmp_path / "x.bin").write_bytes(raw)
    assert sniff_path(tmp_path / "x.bin") == name


class Hostile:
    def __reduce__(self):
        return eval, ("1",)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("value", [{"w": [1, 2]}, Hostile(), "x" * 100_000], ids=["dict", "code", "long"])
def test_every_protocol_of_pickle_is_known(protocol, value):
    raw = pickle.dumps(value, protocol)
    if protocol < 2 and len(raw) > 4096:  # no mark, and its end is out of sight: a text as far as anyone can tell
        assert sniff(raw[:4096], len(raw)) == ""
    else:
        assert sniff(raw[:4096], len(raw)) == "pickle"


def test_letters_that_weights_spell_by_chance_mean_nothing():
    for raw in (b"MZ" + bytes(100), b"\x80\x02" + b"\xff" * 100, b"PK" + bytes(100), b"(x." + bytes(9)):
        assert sniff(raw, len(raw)) == ""


def test_a_length_that_spells_another_format_is_still_safetensors():
    spaces = " " * (0x3C21 - 2)
    raw = made.framed("{}" + spaces)
    assert raw.startswith(b"!<")
    assert sniff(raw[:4096], len(raw)) == "safetensors"
