"""Programs that live and die with us: started, remembered on disk, ended; none is left behind.

Each runs in a session of its own, so that Ctrl-C reaches only the supervisor, which ends them in order. On Linux the
kernel ends them too when we are killed (``PR_SET_PDEATHSIG``, prctl(2)); everywhere, what an earlier run left is found
by ``processes.json`` and ended before anything is started.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1  # linux/prctl.h
LOG_BYTES = 8 * 1024**2  # a log longer than this is set aside at the next start, and the one before it dropped
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Program:
    """A program to run. ``ends_by``: the signal that asks it to stop. ``dies_by``: what it gets when we are killed."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] | None = None
    ends_by: signal.Signals = signal.SIGTERM
    dies_by: signal.Signals = signal.SIGTERM
    patience: float = 10  # seconds to stop in; then it is killed
    speaks: bool = False  # to our terminal; else into its log
    once: bool = False  # it has an end of its own, and is not started again
    options: Mapping[str, Any] = field(default_factory=dict)  # for Popen: user, group, cwd


class Processes:
    """The running programs of one data folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.register = folder / "processes.json"
        self.programs: dict[str, Program] = {}
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"

    def start(self, program: Program) -> subprocess.Popen[bytes]:
        """Start ``program``, or start it again; must be called from the main thread (the kernel watches the thread)."""
        self.programs[program.name] = program
        with contextlib.ExitStack() as stack:
            output = None if program.speaks else stack.enter_context(self._open_log(program.name))
            process = subprocess.Popen(
                program.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=None if program.environment is None else dict(program.environment),
                start_new_session=True,
                preexec_fn=_die_with_parent(program.dies_by),
                **program.options,
            )
        self.running[program.name] = process
        self._remember()
        return process

    def _open_log(self, name: str) -> Any:
        path = self.log(name)
        path.parent.mkdir(exist_ok=True)
        if path.exists() and path.stat().st_size > LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        return path.open("ab")

    def last_words(self, name: str, lines: int = 12) -> str:
        """The end of a program's log."""
        path = self.log(name)
        if not path.exists():
            return ""
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - 8192))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])

    def forget(self, name: str) -> None:
        """A program has ended by itself; what it started must not outlive it and hold its port."""
        if process := self.running.pop(name, None):
            _kill_group(process.pid)
        self._remember()

    def end(self, names: Iterable[str]) -> list[str]:
        """Ask the programs to stop, all at once; kill those whose patience runs out. Returns what was killed."""
        ending = {name: self.running[name] for name in names if name in self.running}
        for name, process in ending.items():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(self.programs[name].ends_by)
        began, killed = time.monotonic(), []
        for name, process in ending.items():
            try:
                process.wait(max(0.01, began + self.programs[name].patience - time.monotonic()))
            except subprocess.TimeoutExpired:
                killed.append(name)
            _kill_group(process.pid)  # its children too, where it left any
            process.wait()
            self.running.pop(name, None)
        self._remember()
        return killed

    def _remember(self) -> None:
        known = {name: {"pid": p.pid, "started": _started(p.pid)} for name, p in self.running.items()}
        temporary = self.register.with_suffix(".tmp")
        temporary.write_text(json.dumps(known))
        temporary.replace(self.register)

    def end_leftovers(self) -> list[str]:
        """End the programs that an earlier run of ours was killed over. Returns their names."""
        try:
            known = json.loads(self.register.read_text())
        except (FileNotFoundError, ValueError):
            return []
        left = [
            (name, entry["pid"])
            for name, entry in known.items()
            if entry["started"] and _started(entry["pid"]) == entry["started"]  # else the number is another's by now
        ]
        for name, pid in left:
            _signal(pid, signal.SIGINT if name == "postgres" else signal.SIGTERM)
        wait_until(lambda: not any(_started(pid) for _, pid in left), 10)
        for _, pid in left:
            _kill_group(pid)
        self.register.unlink(missing_ok=True)
        return [name for name, _ in left]


def wait_until(true: Callable[[], bool], seconds: float) -> bool:
    """Whether ``true()`` came true within ``seconds``."""
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def _die_with_parent(by: signal.Signals) -> Callable[[], None] | None:
    if _libc is None:
        return None
    parent, prctl = os.getpid(), _libc.prctl

    def between_fork_and_exec() -> None:
        prctl(PR_SET_PDEATHSIG, int(by), 0, 0, 0)
        if os.getppid() != parent:  # killed in the meantime
            os._exit(1)

    return between_fork_and_exec


def _started(pid: int) -> str:
    """When a process started, in the system's own terms; empty where there is none (or only its zombie)."""
    if sys.platform == "linux":
        try:
            # proc(5): the name may hold spaces, so count from its closing bracket: state is 3, starttime is 22.
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return ""
        return "" if fields[0] == "Z" else fields[19]
    done = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True)
    return done.stdout.strip()


def command_line(pid: int) -> str:
    """The command of a running process; empty where there is none."""
    if sys.platform == "linux":
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return ""
    return subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
