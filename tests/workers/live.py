"""Payloads that really run when they are unpickled, and canaries that tell when one got anywhere.

The gate refuses every one of them. What is tried with them is the room behind it: as if the gate had failed, Python's
own unpickler opens them inside, and no canary may fire.
"""

from __future__ import annotations

import os
import pickle
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workers import sandbox
from workers.sandbox import Room, SandboxFailed

SECRET = "canary-7f3a"
# What each tries; {folder}: where the canaries lie, {port}: what listens, {pid}: who waits for the answer.
ACTIONS = {
    "write a file": "open('{folder}/fired', 'w').write('x')",
    "write by a program": "__import__('os').system('touch {folder}/fired')",
    "write by another program": "__import__('subprocess').run(['/bin/touch', '{folder}/fired'])",
    "replace the file": "open('{folder}/given.pt', 'r+b').write(b'fired')",
    "remove the file": "__import__('os').unlink('{folder}/given.pt')",
    "open a socket": "__import__('socket').create_connection(('127.0.0.1', {port}), 1)",
    "ask the web": "__import__('urllib.request').request.urlopen('http://127.0.0.1:{port}/', timeout=1)",
    "tell the environment": "print(dict(__import__('os').environ))",
    "read the parent's environment": "print(open('/proc/{pid}/environ').read())",
    "read its parent's environment": "print(open('/proc/%d/environ' % __import__('os').getppid()).read())",
    "read the parent's memory": "print(open('/proc/{pid}/maps').read() + '{secret}')",
    "read a sibling": "print(open('{folder}/sibling').read())",
    "list the folder": "print('{secret}' if 'sibling' in __import__('os').listdir('{folder}') else '')",
    "fork": "__import__('os').fork() and open('/dev/stdout', 'w').write('{secret}')",
    "fork without end": "[__import__('os').fork() or print('{secret}') for _ in range(1000)]",
    "a hundred gigabytes": "print(bytearray(100 * 1024 ** 3)[:1] and '{secret}')",
    "end the parent": "print(__import__('os').kill({pid}, 0) or '{secret}')",
    "another user": "print(__import__('os').setuid(0) or __import__('os').chroot('/') or '{secret}')",
}


class _Runs:
    """Pickles to a call of ``name`` with ``code``."""

    def __init__(self, name: Callable[..., Any], code: str) -> None:
        self.called = (name, (code,))

    def __reduce__(self) -> tuple[Any, ...]:
        return self.called


def payloads(folder: Path, port: int) -> Iterator[tuple[str, bytes]]:
    """Every action by three ways to run it: 54 files."""
    import timeit

    for what, action in ACTIONS.items():
        code = action.format(folder=folder, port=port, pid=os.getpid(), secret=SECRET)
        yield f"{what}, by exec", pickle.dumps(_Runs(exec, code), 2)
        yield f"{what}, by eval", pickle.dumps(_Runs(eval, f"eval({code!r})"), 4)
        yield f"{what}, by timeit", pickle.dumps(_Runs(timeit.timeit, f"{code}\nraise SystemExit"), 2)


@dataclass
class Canaries:
    """A folder with a sibling, a port that listens, a secret in the environment."""

    folder: Path
    listening: socket.socket

    @property
    def port(self) -> int:
        return int(self.listening.getsockname()[1])

    def fired(self, payload: bytes, printed: bytes) -> list[str]:
        """Which canaries a run of ``payload`` set off."""
        found = []
        if (self.folder / "fired").exists():
            found.append("a file was written")
        if not (self.folder / "given.pt").exists() or (self.folder / "given.pt").read_bytes() != payload:
            found.append("the file itself was changed")
        if (self.folder / "sibling").read_text() != SECRET:
            found.append("a sibling was changed")
        if SECRET.encode() in printed + (self.folder / "filled").read_bytes():
            found.append("a secret came out")
        try:
            self.listening.accept()[0].close()
            found.append("a connection came in")
        except BlockingIOError:
            pass
        return found


@contextmanager
def canaries(folder: Path) -> Iterator[Canaries]:
    """``folder``: an empty one."""
    os.environ["WEIGHTROOM_CANARY"] = SECRET
    (folder / "sibling").write_text(SECRET)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield Canaries(folder, listening)
    del os.environ["WEIGHTROOM_CANARY"]


def run(cage: Canaries, payload: bytes, module: str = "pickle", walls: str = "") -> tuple[list[str], bool]:
    """What fired when ``payload`` was opened inside by ``module``, and whether it came to an end in time.

    ``module``: Python's own unpickler, or ``workers.sandboxed.convert``.
    """
    given, filled = cage.folder / "given.pt", cage.folder / "filled"
    given.write_bytes(payload)
    filled.write_bytes(b"")
    room = Room(given, filled, seconds=10, output=1024**2)
    arguments = [str(given)] if module == "pickle" else [str(given), str(filled), str(1024**2)]
    begun, printed = time.monotonic(), b""
    try:
        printed = sandbox._run(walls or sandbox.state().walls, module, arguments, room)
    except SandboxFailed as failed:
        printed = "".join(line for line in failed.detail.splitlines() if "Error" not in line).encode()
    return cage.fired(payload, printed), time.monotonic() - begun < room.seconds + 2
