import io
import struct
import zipfile
import zlib

import pytest

from workers.files import archive
from workers.files.archive import BadArchive, members


def packed(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED, **options) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as made:
        for name, raw in files.items():
            made.writestr(name, raw, **options)
    return out.getvalue()


@pytest.fixture
def listed(tmp_path):
    def list_(raw: bytes) -> list[archive.Member]:
        path = tmp_path / "file.zip"
        path.write_bytes(raw)
        return members(path)

    return list_


PNG = b"\x89PNG\r\n\x1a\n" + bytes(30)
PLAIN = packed({"a/x.png": PNG, "notes.txt": b"hello " * 100})


def test_it_works(listed):
    found = listed(PLAIN)
    assert [(member.name, member.size, member.format) for member in found] == [
        ("a/x.png", len(PNG), "png"),
        ("notes.txt", 600, ""),
    ]


def test_what_other_writers_write_is_read(listed):
    assert listed(packed({})) == []
    assert [m.name for m in listed(packed({"é/ü.txt": b"x"}, zipfile.ZIP_STORED))] == ["é/ü.txt"]
    out = io.BytesIO()

    class Pipe(io.RawIOBase):  # no way back: sizes come behind the bytes
        def write(self, raw):
            return out.write(raw)

        def writable(self):
            return True

    with zipfile.ZipFile(Pipe(), "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("x.txt", b"hello" * 1000)
        with made.open("large.bin", "w", force_zip64=True) as file:
            file.write(bytes(5000))
    assert [(m.name, m.size) for m in listed(out.getvalue())] == [("x.txt", 5000), ("large.bin", 5000)]
    folders = io.BytesIO()
    with zipfile.ZipFile(folders, "w") as made:
        made.mkdir("folder")
        made.writestr("folder/x", b"y")
    assert [m.name for m in listed(folders.getvalue())] == ["folder/x"]


def changed(raw: bytes, offset: int, packed_: bytes, mark: bytes = b"PK\x01\x02") -> bytes:
    at = raw.find(mark) + offset
    return raw[:at] + packed_ + raw[at + len(packed_) :]


def with_link() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        entry = zipfile.ZipInfo("link")
        entry.create_system, entry.external_attr = 3, 0o120777 << 16
        made.writestr(entry, "/etc/passwd")
    return out.getvalue()


def encrypted() -> bytes:
    raw = packed({"x": b"y"}, zipfile.ZIP_STORED)
    return changed(changed(raw, 8, b"\x01\x00"), 6, b"\x01\x00", b"PK\x03\x04")


def bomb() -> bytes:
    return packed({"x": bytes(65 * 1024**2)})


def longer_than_said() -> bytes:
    raw = packed({"x": b"a" * 5000})
    return changed(changed(raw, 24, struct.pack("<L", 100)), 22, struct.pack("<L", 100), b"PK\x03\x04")


def overlapping() -> bytes:
    raw = packed({"a": b"1" * 50, "b": b"2" * 50}, zipfile.ZIP_STORED)
    second = raw.rfind(b"PK\x01\x02")
    return raw[: second + 42] + struct.pack("<L", 0) + raw[second + 46 :]


REFUSED = {
    "empty": (b"PK\x05\x06", "smallest archive"),
    "cut off": (PLAIN[:-1], "end is not there"),
    "trailing": (PLAIN + b"x", "end is not there"),
    "prefixed": (b"#!/bin/sh\n" + PLAIN, "stands before or in it"),
    "gap": (PLAIN[:0] + changed(PLAIN, 0, b"PK\x01\x01"), "fewer files"),
    "encrypted": (encrypted(), "encrypted"),
    "other method": (packed({"x": b"y"}, zipfile.ZIP_LZMA), "other than deflate"),
    "link": (with_link(), "a link or a device"),
    "bomb": (bomb(), "unpacks to"),
    "longer than said": (longer_than_said(), "another size"),
    "overlap": (overlapping(), "overlap"),
    "wrong checksum": (changed(changed(PLAIN, 16, b"abcd"), 14, b"abcd", b"PK\x03\x04"), "another checksum"),
    "two tales of one file": (changed(PLAIN, 14, b"abcd", b"PK\x03\x04"), "different things"),
    "another name in the entry": (changed(PLAIN, 30, b"b", b"PK\x03\x04"), "different things"),
    "traversal": (packed({"../x": b"y"}), "path out of its folder"),
    "absolute": (packed({"/etc/x": b"y"}), "path out of its folder"),
    "drive": (packed({"C:/x": b"y"}), "path out of its folder"),
    "backslash": (packed({"a_b": b"y"}).replace(b"a_b", b"a\\b"), "no name should"),
    "control letters": (packed({"a\x07b": b"y"}), "no name should"),
    "turned name": (packed({"a\u202egnp.exe": b"y"}), "no name should"),
    "long name": (packed({"x" * 300: b"y"}), "too long"),
    "same name on some systems": (packed({"A.txt": b"1", "a.TXT": b"2"}), "same name"),
    "an archive within": (packed({"in.zip": PLAIN}, zipfile.ZIP_STORED), "another archive"),
    "broken deflate": (changed(PLAIN, 37, b"\xff\xff\xff\xff", b"PK\x03\x04"), "broken|cut off|checksum"),
}


@pytest.mark.parametrize(("raw", "says"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(raw, says, listed):
    with pytest.raises(BadArchive, match=says):
        listed(raw)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_the_same_name_twice(listed):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("x", b"1")
        made.writestr("x", b"2")
    with pytest.raises(BadArchive, match="same name"):
        listed(out.getvalue())


def test_too_many_files(listed, monkeypatch):
    monkeypatch.setattr(archive, "MAX_MEMBERS", 3)
    with pytest.raises(BadArchive, match="holds 5 files"):
        listed(packed({str(n): b"" for n in range(5)}))


def test_beyond_the_budget_only_beginnings_are_looked_at(listed, monkeypatch):
    monkeypatch.setattr(archive, "COUNTED_BYTES", 10_000)
    large = PNG + zlib.compress(bytes(range(256)) * 400, 0)
    assert [member.format for member in listed(packed({"a.png": large, "b.txt": b"hi"}))] == ["png", ""]
