"""The room in which pickles are opened: what must not get out of it, behind either wall."""

import os
import pickle
import subprocess
import sys

import pytest

from tests.workers import live
from workers import sandbox
from workers.sandbox import Room, SandboxFailed

WALLS = ("bubblewrap", "landlock")


def test_it_works():
    state = sandbox.state()
    assert state.walls in WALLS
    assert state.problem == ""


@pytest.mark.parametrize("walls", WALLS)
def test_either_wall_holds_by_itself(walls):
    assert sandbox._self_test(walls) == ""


@pytest.mark.parametrize("walls", WALLS)
def test_nothing_fires_even_if_the_gate_had_failed(tmp_path, walls):
    with live.canaries(tmp_path) as cage:
        harmless = pickle.dumps({"a": 1})
        assert live.run(cage, harmless, walls=walls) == ([], True)
        for what, payload in live.payloads(tmp_path, cage.port):
            if what.endswith("exec"):  # the other ways are for the bench
                assert live.run(cage, payload, walls=walls) == ([], True), what


def test_the_canaries_do_fire_without_walls(tmp_path):
    """Or the test above could not fail: the same payloads, opened here."""
    fires = {
        "write a file, by exec",
        "write by a program, by eval",
        "replace the file, by exec",
        "open a socket, by exec",
    }
    with live.canaries(tmp_path) as cage:
        for what, payload in live.payloads(tmp_path, cage.port):
            if what in fires:
                for name in ("given.pt", "filled"):
                    (tmp_path / name).write_bytes(payload)
                pickle.loads(payload)
                assert cage.fired(payload, b"") != [], what
                (tmp_path / "fired").unlink(missing_ok=True)
        (tmp_path / "given.pt").write_bytes(b"")
        assert "a secret came out" in cage.fired(b"", live.SECRET.encode())


def test_the_converter_itself_runs_none(tmp_path):
    with live.canaries(tmp_path) as cage:
        for what, payload in list(live.payloads(tmp_path, cage.port))[::6]:
            assert live.run(cage, payload, "workers.sandboxed.convert") == ([], True), what


def test_a_run_that_does_not_end_is_ended(tmp_path):
    given = tmp_path / "given"
    given.write_bytes(pickle.dumps(live._Runs(exec, "while True: pass"), 2))
    with pytest.raises(SandboxFailed) as told:
        sandbox._run(sandbox.state().walls, "pickle", [str(given)], Room(given, seconds=1))
    assert told.value.why == "time"


def test_memory_is_bounded_and_said(tmp_path):
    given = tmp_path / "given"
    given.write_bytes(pickle.dumps(live._Runs(exec, "bytearray(2 * 1024 ** 3)"), 2))
    with pytest.raises(SandboxFailed) as told:
        sandbox._run(sandbox.state().walls, "pickle", [str(given)], Room(given))
    assert told.value.why == "memory"


def test_output_is_bounded(tmp_path):
    given, filled = tmp_path / "given", tmp_path / "filled"
    writes = f"import os; [os.write(os.open({str(filled)!r}, os.O_WRONLY | os.O_APPEND), bytes(300)) for _ in range(9)]"
    given.write_bytes(pickle.dumps(live._Runs(exec, writes), 2))
    filled.write_bytes(b"")
    with pytest.raises(SandboxFailed):
        sandbox._run(sandbox.state().walls, "pickle", [str(given)], Room(given, filled, output=1000))
    assert filled.stat().st_size == 1000


def test_where_no_walls_stand_nothing_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(sandbox, "_self_test", lambda walls: "does not keep in: connect")
    sandbox.state.cache_clear()
    try:
        state = sandbox.state()
        assert (state.walls, "bubblewrap: does not keep in: connect" in state.problem) == ("", True)
        given = tmp_path / "given"
        given.write_bytes(b"")
        with pytest.raises(SandboxFailed) as told:
            sandbox.run("convert", ["1"], Room(given, given))
        assert told.value.why == "closed"
    finally:
        monkeypatch.undo()
        sandbox.state.cache_clear()


def test_the_self_test_gets_out_where_nothing_stands(tmp_path):
    """Run by itself it ends as another program, so it gives no answer, which is never taken for a good one."""
    given, filled, sibling = (tmp_path / name for name in ("given", "filled", "sibling"))
    for path in (given, filled, sibling):
        path.write_bytes(b"given")
    arguments = [given, filled, sibling, "1", str(os.getpid()), "1000"]
    command = [sys.executable, "-m", "workers.sandboxed.self_test", *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, cwd=sandbox.ROOT, check=False)
    assert ended.stdout.strip() == b""  # a thread that it started may have printed an empty line
    assert sibling.read_bytes() == b"leaked"
