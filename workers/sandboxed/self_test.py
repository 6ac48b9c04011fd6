"""Tries to get out: prints, as JSON, what it could do and must not (`leaks`), and what it could not and must (`lacks`).

self_test <file to read> <file to write> <sibling that nobody gave> <port that listens> <pid outside> <memory limit>
"""

from __future__ import annotations

import json
import mmap
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable


def connect() -> bool:
    socket.create_connection(("127.0.0.1", int(PORT)), timeout=2).close()
    return True


def unix_socket() -> bool:
    socket.socket(socket.AF_UNIX).close()
    return True


def passwd() -> bool:
    return bool(_read("/etc/passwd"))


def home() -> bool:
    return bool(os.listdir("/root") or os.listdir("/home"))


def sibling_read() -> bool:
    return bool(_read(SIBLING))


def sibling_write() -> bool:
    return _write(SIBLING)


def new_file() -> bool:
    return _write(f"{SIBLING}.new")


def shared_memory() -> bool:
    return _write("/dev/shm/weightroom-leak")  # noqa: S108 — what must fail


def input_written() -> bool:
    return _write(READS)


def input_cut() -> bool:
    os.close(os.open(READS, os.O_RDONLY | os.O_TRUNC))
    return os.path.getsize(READS) == 0


def input_mode() -> bool:
    os.chmod(READS, 0o777)  # noqa: S103 — what must fail
    return True


def fork() -> bool:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return True


def thread() -> bool:
    threading.Thread(target=print).start()
    return True


def program() -> bool:
    """Where the walls are missing this ends the self-test, and half an answer is none."""
    os.execv(sys.executable, [sys.executable, "-c", "pass"])  # noqa: S606 — what must fail
    return True


def memory() -> bool:
    return len(bytearray(int(MEMORY))) > 0


def hundred_gigabytes() -> bool:
    mmap.mmap(-1, 100 * 1024**3).close()
    return True


def environment() -> bool:
    return bool(set(os.environ) - {"OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "LC_CTYPE", "PWD"})


def parent_environment() -> bool:
    return bool(_read(f"/proc/{PARENT}/environ"))


def own_parent_environment() -> bool:
    return bool(_read(f"/proc/{os.getppid()}/environ"))


def kill_parent() -> bool:
    os.kill(int(PARENT), signal.SIG_DFL)  # 0: only asks whether it may
    return True


def limits() -> bool:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return True


LEAKS: tuple[Callable[[], bool], ...] = (
    connect, unix_socket, passwd, home, sibling_read, sibling_write, new_file, shared_memory, input_written, input_cut,
    input_mode, fork, thread, memory, hundred_gigabytes, environment, parent_environment, own_parent_environment,
    kill_parent, limits, program,
)  # fmt: skip


def works() -> list[str]:
    lacks = []
    if _read(READS) != b"given":
        lacks.append("reading what is given")
    try:
        with open(WRITES, "wb") as file:
            file.write(b"written")
    except OSError:
        lacks.append("writing where it may")
    try:
        import hashlib
        import zipfile  # noqa: F401

        hashlib.sha256()
        import numpy  # noqa: F401
    except ImportError:
        lacks.append("importing")
    return lacks


def could(tried: Callable[[], bool]) -> bool:
    try:
        return tried()
    except (OSError, MemoryError, ValueError, RuntimeError):
        return False


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(1000)
    except OSError:
        return b""


def _write(path: str) -> bool:
    with open(path, "r+b" if os.path.exists(path) else "wb") as file:
        file.write(b"leaked")
    return True


if __name__ == "__main__":
    READS, WRITES, SIBLING, PORT, PARENT, MEMORY = sys.argv[1:]
    lacks = works()
    print(json.dumps({"lacks": lacks, "leaks": [tried.__name__ for tried in LEAKS if could(tried)]}), flush=True)
