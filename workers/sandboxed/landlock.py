"""Landlock: a process gives up the file system but for named paths (Linux 5.13 and later, no privilege needed).

What the kernel's version knows is asked first, as an unknown right is an error: rights came with ABI 2 (moving between
folders), 3 (cutting files short), 5 (device controls), TCP with 4, abstract sockets and signals with 6.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable

# The same numbers on every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION, _PATH_BENEATH = 1, 1
_PR_SET_NO_NEW_PRIVS = 38

_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_REG = 1 << 4, 1 << 5, 1 << 7, 1 << 8
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_ALL_OF_ABI_1 = (1 << 13) - 1
_OF_FILES = _WRITE_FILE | _READ_FILE | _TRUNCATE
_TCP = 0b11
_SCOPES = 0b11


def abi() -> int:
    """The version of Landlock that this kernel speaks; 0 where it has none."""
    return max(0, _libc().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION))


def confine(reads: Iterable[str], writes: str | None) -> None:
    """Give up every file but ``reads`` (and all below them) and ``writes``, a file or a folder, which may be written.
    Running a program is given up altogether. Raises `OSError`."""
    version = abi()
    if not version:
        raise OSError("this kernel has no Landlock")
    files = _ALL_OF_ABI_1
    for since, right in ((2, _REFER), (3, _TRUNCATE), (5, _IOCTL_DEV)):
        files |= right if version >= since else 0
    attributes = struct.pack("=QQQ", files, _TCP if version >= 4 else 0, _SCOPES if version >= 6 else 0)
    length = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = _called(_CREATE_RULESET, attributes[:length], ctypes.c_size_t(length), 0)
    for path in reads:
        _allow(ruleset, path, (_READ_FILE | _READ_DIR) & files)
    if writes is not None:
        folder = _READ_DIR | _MAKE_REG | _MAKE_DIR | _REMOVE_FILE | _REMOVE_DIR
        _allow(ruleset, writes, (_OF_FILES | folder) & files)
    if _libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the kernel keeps privileges open")
    _called(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not os.path.isdir(path):
            rights &= _OF_FILES
        _called(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, handle), 0)
    finally:
        os.close(handle)


def _called(*arguments: object) -> int:
    answer = _libc().syscall(*arguments)
    if answer < 0:
        raise OSError(ctypes.get_errno(), "Landlock does not take the rule")
    return answer


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
