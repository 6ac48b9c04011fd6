"""``manage.py up``: the whole hub on one machine, from the servers it stands on to the demo content.

Pages come first: the web starts as soon as PostgreSQL answers, the object store and the workers follow while people
look. What dies is started again; Ctrl-C ends everything, and so does the death of this process.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Collection, Mapping
from pathlib import Path

from hub import embedded
from hub.embedded import CannotStart, Servers
from hub.processes import Processes, Program, wait_until
from workers.fetch_messages import FETCH
from workers.messages import GENERATE, HEADER, INSPECT, INSPECT_LARGE

PROJECT = Path(__file__).resolve().parent.parent
# What opens the hub's data: no worker gets it, since workers touch hostile bytes.
# The key to people's tokens for other servers goes to the workers that fetch, and the store's keys do not.
HUB_ONLY = ("IMPORT_KEY", "DATABASE_URL", "SECRET_KEY", "S3_ACCESS_KEY", "S3_SECRET_KEY", "EMAIL_HOST_PASSWORD")
NOT_FOR_FETCHING = ("WORKER_S3_ACCESS_KEY", "WORKER_S3_SECRET_KEY")
SLOWEST = 30.0  # seconds between attempts to start what keeps dying
STEADY = 60.0  # seconds after which a program counts as running well


class Stop(Exception):
    """We were asked to end."""


class Supervisor:
    """Starts, watches and ends everything."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.began = time.monotonic()
        self.servers: Servers | None = None
        self.asked_to_stop = False
        self.restarts: dict[str, tuple[float, float]] = {}  # name → when to start it again, the pause before that
        self.since: dict[str, float] = {}

    @property
    def processes(self) -> Processes:
        assert self.servers is not None
        return self.servers.processes

    def say(self, line: str) -> None:
        with contextlib.suppress(OSError):  # the terminal may be gone; we end by its SIGHUP, not by this
            print(f"{time.monotonic() - self.began:5.1f} s  {line}", flush=True)

    def run(self) -> int:
        """Run until asked to stop. Returns the exit status."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop)
        try:
            self._start()
            self._watch()
        except Stop:
            self.say("stopping")
        except CannotStart as error:
            self.say(str(error))
            return 1
        finally:
            self._end()
        return 0

    # Starting

    def _start(self) -> None:
        host = os.environ.get("HOST", "127.0.0.1")
        wanted = _port(os.environ.get("PORT", "8000"))
        port = _free_from(wanted, host)
        if port != wanted:
            self.say(f"port {wanted} is taken; using {port} (set PORT to choose)")
        address = f"http://{_shown(host)}:{port}"
        public = os.environ.get("PUBLIC_URL", address).rstrip("/")
        origins = _origins(public, port)
        self.servers = embedded.start(self.folder, self.say, wait_for_store=False, origins=origins)
        hub = os.environ | self.servers.environment | {"PUBLIC_URL": public, "STORE_ORIGINS": ",".join(origins)}
        hub |= {"DATA_DIR": str(self.folder), "DJANGO_SETTINGS_MODULE": "hub.settings"}
        hub.setdefault("WORKER_CACHE_DIR", str(self.folder / "cache"))
        self.say("preparing the database")
        prepared = self.folder / "site.prepared"
        prepared.unlink(missing_ok=True)
        site = self.processes.start(_manage("site-prepare", hub))
        self.processes.start(_web(hub | {"SITE_PREPARED": str(prepared)}, host, port))  # it loads, and waits for that
        if not self._job_succeeds(site, "site-prepare", but=("web",)):
            raise CannotStart("site-prepare failed; what it said is above.")
        prepared.touch()
        store = self.processes.start(_manage("storage-prepare", hub))
        self._wait_for_web(address)
        self.say(f"Weightroom is at {public}   (Ctrl-C stops it; logs are in {self.folder / 'logs'})")
        self.processes.start(_background(hub))
        for queue in (HEADER, INSPECT, INSPECT_LARGE, GENERATE, FETCH):
            self.processes.start(_worker(queue, hub))
        while not self._job_succeeds(store, "storage-prepare"):
            self.say("pages work, uploads and downloads do not yet; trying again")
            store = self.processes.start(_manage("storage-prepare", hub))
        self.say("the object store is ready: uploads and downloads work")
        if os.environ.get("DEMO_CONTENT", "true").lower() not in {"0", "false", "no"}:
            self.processes.start(_manage("demo-content", hub | {"DEMO_ADDRESS": _inside(host, port)}))

    def _job_succeeds(self, process: subprocess.Popen[bytes], name: str, but: Collection[str] = ()) -> bool:
        """Wait for a program that has an end, looking after the others meanwhile, ``but`` for those that begin."""
        while process.poll() is None:
            self._restart_dead(but=(name, *but))
            self._pause(0.1)
        self.processes.forget(name)
        return process.returncode == 0

    def _wait_for_web(self, address: str) -> None:
        web = self.processes.running["web"]
        host, port = address.rsplit(":", 1)
        inside = f"{_inside(host.removeprefix('http://').strip('[]'), int(port))}/healthz"
        if not wait_until(lambda: web.poll() is not None or _answers(inside), 60) or web.poll() is not None:
            words = self.processes.last_words("web")
            raise CannotStart(f"the web server did not start; its last words:\n{words}")

    # Watching

    def _watch(self) -> None:
        while True:
            self._restart_dead()
            self._pause(0.3)

    def _pause(self, seconds: float) -> None:
        time.sleep(seconds)
        if self.asked_to_stop:
            raise Stop

    def _restart_dead(self, but: Collection[str] = ()) -> None:
        """Start again what has died, after a pause that doubles while it keeps dying."""
        now = time.monotonic()
        for name, process in list(self.processes.running.items()):
            if name in but or process.poll() is None:
                continue
            self.processes.forget(name)
            if self.processes.programs[name].once:
                if process.returncode:
                    self.say(f"{name} ended with status {process.returncode}")
                continue
            pause = self.restarts.get(name, (0.0, 0.5))[1]
            pause = 0.5 if now - self.since.get(name, self.began) > STEADY else pause
            self.restarts[name] = (now + pause, min(SLOWEST, pause * 2))
            log = self.processes.log(name)
            self.say(f"{name} stopped (status {process.returncode}); starting it again in {pause:g} s, see {log}")
        for name, (when, pause) in list(self.restarts.items()):
            if when <= now and name not in self.processes.running:
                self.restarts[name] = (float("inf"), pause)
                self.since[name] = now
                self.processes.start(self.processes.programs[name])

    # Ending

    def _stop(self, number: int, frame: object) -> None:
        self.asked_to_stop = True  # remembered: what is raised while a program is being forked is lost
        raise Stop

    def _end(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # ending takes seconds, and nothing may be left
        if self.servers is None:
            return
        ours = [name for name in self.processes.running if name not in embedded.ORDER]
        killed = self.processes.end(ours)
        self.servers.stop()
        if working := [name for name in killed if name in {INSPECT, INSPECT_LARGE, GENERATE}]:
            self.say(f"{' and '.join(working)} had work at hand; it is done again at the next start")
        self.say("stopped")


# The programs


def _web(environment: Mapping[str, str], host: str, port: int) -> Program:
    bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    command = [sys.executable, "-m", "gunicorn", "hub.wsgi", f"--bind={bind}", "--preload", "--no-control-socket"]
    # Threads: requests wait for the database; the bytes of uploads and downloads never pass through here. Clients that
    # wait for a picture are not counted among them (`hub.threads`).
    command += ["--logger-class=hub.accounts.logs.AccessLogger"]  # what it says of requests holds no tokens
    command += ["--worker-class=hub.threads.Worker", "--workers=1", "--threads=8"]
    command += ["--timeout=60", "--graceful-timeout=5"]
    if Path("/dev/shm").is_dir():  # noqa: S108  a heartbeat file, not data; on a disk it would block under load
        command += ["--worker-tmp-dir=/dev/shm"]
    return Program("web", command, environment, dies_by=signal.SIGQUIT, patience=8, options={"cwd": PROJECT})


def _background(environment: Mapping[str, str]) -> Program:
    command = [sys.executable, "-m", "hub.background"]
    return Program("hub", command, environment, dies_by=signal.SIGKILL, patience=8, options={"cwd": PROJECT})


def _worker(queue: str, environment: Mapping[str, str]) -> Program:
    """One process, and no credentials but its own: it reads what strangers sent. Inspections go one after the other;
    pictures are asked for by several threads, so that its engine can draw them together; other servers are waited for
    by several."""
    # Whoever takes large files takes small ones when there are none; not the other way round.
    lines = f"{INSPECT_LARGE},{INSPECT}" if queue == INSPECT_LARGE else queue
    command = [sys.executable, "-m", "celery", "-A", "workers.celery", "worker", "-Q", lines, "-n", f"{queue}@%h"]
    command += [f"--pool={'threads' if queue in {GENERATE, FETCH} else 'solo'}", "--loglevel=INFO"]
    own = worker_environment(environment)
    if queue == FETCH:
        own = {name: value for name, value in own.items() if name not in NOT_FOR_FETCHING}
        own["WORKER_JOBS"] = os.environ.get("WORKER_FETCHES", "4")
        own["IMPORT_KEY"] = environment.get("IMPORT_KEY", "")
    command += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    return Program(queue, command, own, dies_by=signal.SIGKILL, patience=5, options={"cwd": PROJECT})


def _manage(name: str, environment: Mapping[str, str]) -> Program:
    command = [sys.executable, "manage.py", name.replace("-", "_")]
    return Program(name, command, environment, speaks=True, once=True, patience=2, options={"cwd": PROJECT})


def worker_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """``environment`` without what opens the hub's data."""
    hidden = {*HUB_ONLY, *(f"{name}_FILE" for name in HUB_ONLY)}
    kept = {name: value for name, value in environment.items() if name not in hidden}
    kept.pop("DJANGO_SETTINGS_MODULE", None)
    return kept


# Addresses


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise CannotStart(f"PORT must be a number from 1 to 65535, not {text!r}.")
    return int(text)


def _free_from(port: int, host: str) -> int:
    """``port``, or the next free one after it. Raises `CannotStart`."""
    for candidate in range(port, min(port + 50, 65536)):
        if embedded.port_is_free(candidate, host):
            return candidate
    raise CannotStart(f"No port from {port} on can be used at {host}. Set HOST and PORT.")


def _shown(host: str) -> str:
    """An address that a browser on this machine can open."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104


def _inside(host: str, port: int) -> str:
    return f"http://{_shown(host)}:{port}"


def _origins(public: str, port: int) -> list[str]:
    """The pages that may send parts to the store: ours, by either name of this machine where it is this machine's."""
    names = [public]
    if public == f"http://127.0.0.1:{port}":
        names.append(f"http://localhost:{port}")
    return names


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310  our own address
            return bool(answer.status == 200)
    except urllib.error.HTTPError as error:
        return error.code in {301, 400, 404}  # it speaks; a proxy's https or its host name is not ours to judge
    except OSError:
        return False


def main() -> int:
    folder = Path(os.environ.get("DATA_DIR", PROJECT / ".weightroom")).absolute()
    return Supervisor(folder).run()


if __name__ == "__main__":
    sys.exit(main())
