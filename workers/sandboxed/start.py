"""The first thing that runs inside: gives up every right that the module does not need, then runs it.

    python -I -S start.py '{"module": …, "arguments": […], …}'

Started by `workers.sandbox` only, by its path. In bubblewrap the walls stand already, and these are the second ones;
the limits hold in both.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import runpy
import signal
import sys

OUT_OF_MEMORY = 71  # this program's own exit codes; 1 is Python's for an exception
NOT_CONFINED = 72
_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP, _PR_CAP_AMBIENT, _CLEAR_ALL = 1, 24, 47, 4
_CAPABILITY_VERSION_3 = 0x20080522


def start(asked: dict[str, object]) -> None:
    """Confine this process, then run ``asked["module"]`` as ``python -m`` would."""
    sys.path[:0] = [str(path) for path in asked["path"]]  # type: ignore[attr-defined]
    # numpy's libraries start a thread per core and set memory aside for each.
    os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
    try:
        from workers.sandboxed import landlock, seccomp

        _die_with_parent(int(asked["parent"]))  # type: ignore[call-overload]
        _limit(asked)
        _drop_capabilities()
        if asked["walls"] or landlock.abi():
            landlock.confine(asked["reads"], asked["writes"])  # type: ignore[arg-type]
        if asked["walls"] or seccomp.known():
            seccomp.confine()
    except Exception as error:
        print(f"not confined: {error!r}", file=sys.stderr, flush=True)
        os._exit(NOT_CONFINED)
    sys.argv = [str(asked["module"]), *asked["arguments"]]  # type: ignore[misc]
    try:
        runpy.run_module(str(asked["module"]), run_name="__main__", alter_sys=True)
        sys.stdout.flush()
    except MemoryError:
        os._exit(OUT_OF_MEMORY)


def _die_with_parent(parent: int) -> None:
    """Where there is a process-id namespace, bubblewrap does this, and 0 is given."""
    if parent:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(NOT_CONFINED)


def _limit(asked: dict[str, object]) -> None:
    limits = {
        resource.RLIMIT_AS: asked["memory"],
        resource.RLIMIT_CPU: asked["seconds"],
        resource.RLIMIT_FSIZE: asked["output"],
        resource.RLIMIT_NOFILE: 64,
        resource.RLIMIT_NPROC: 1,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
    }
    for limit, value in limits.items():
        resource.setrlimit(limit, (value, value))  # type: ignore[arg-type]


def _drop_capabilities() -> None:
    """Root without capabilities is a user who owns root's files, and those are behind the other walls."""
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in range(64):
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)  # refused to ordinary users, who have none
    libc.prctl(_PR_CAP_AMBIENT, _CLEAR_ALL, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    if libc.capset(header, (ctypes.c_uint32 * 6)()) != 0:
        raise OSError(ctypes.get_errno(), "capabilities stay")


if __name__ == "__main__":
    start(json.loads(sys.argv[1]))
