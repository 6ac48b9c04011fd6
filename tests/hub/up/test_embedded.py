"""The servers out of wheels: started, killed, started again; what they acknowledged is there."""

import os
import signal
import stat
import time

import boto3
import psycopg2
import pytest
import redis
from botocore.exceptions import ClientError

from hub import embedded
from hub.embedded import CannotStart
from hub.processes import wait_until


@pytest.fixture
def servers(folder):
    running = []

    def start(**options):
        running.append(embedded.start(folder, **options))
        return running[-1]

    yield start
    for started in running:
        started.stop()


def store(environment):
    return boto3.client(
        "s3",
        endpoint_url=environment["S3_ENDPOINT"],
        region_name="us-east-1",
        aws_access_key_id=environment["S3_ACCESS_KEY"],
        aws_secret_access_key=environment["S3_SECRET_KEY"],
    )


def write(environment, value: str) -> None:
    """One row, one message, one object; each acknowledged."""
    with psycopg2.connect(environment["DATABASE_URL"]) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS kept (value text)")
        cursor.execute("INSERT INTO kept VALUES (%s)", [value])
    connection.close()
    redis.Redis.from_url(environment["BROKER_URL"]).rpush("kept", value)
    store(environment).put_object(Bucket="weightroom", Key=f"kept/{value}", Body=value.encode())


def read(environment) -> tuple[list[str], list[str], list[str]]:
    connection = psycopg2.connect(environment["DATABASE_URL"])
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT value FROM kept ORDER BY value")
        rows = [row[0] for row in cursor.fetchall()]
    connection.close()
    messages = sorted(value.decode() for value in redis.Redis.from_url(environment["BROKER_URL"]).lrange("kept", 0, -1))
    client = store(environment)
    keys = [item["Key"] for item in client.list_objects_v2(Bucket="weightroom", Prefix="kept/").get("Contents", [])]
    bodies = sorted(client.get_object(Bucket="weightroom", Key=key)["Body"].read().decode() for key in keys)
    return rows, messages, bodies


def _read_at_last(environment) -> bool:
    try:
        return bool(read(environment))
    except ClientError:
        return False


@pytest.mark.journey
def test_it_works_and_nothing_acknowledged_is_lost_over_kill_9(servers, folder):
    first = servers()
    for value in "abc":
        write(first.environment, value)
    for process in first.processes.running.values():
        os.kill(process.pid, signal.SIGKILL)
    for process in first.processes.running.values():
        process.wait()
    first.lock.close()

    again = servers()

    # The store answers reads again some seconds after it answers writes.
    assert wait_until(lambda: _read_at_last(again.environment), 60)
    assert read(again.environment) == (["a", "b", "c"],) * 3
    assert first.environment == again.environment, "same ports and passwords: a tab and a worker survive"


@pytest.mark.journey
def test_what_a_killed_run_left_is_ended_first(servers, folder):
    first = servers(wait_for_store=False)
    left = dict(first.processes.running)
    first.lock.close()  # as if the kernel had closed it, while the servers went on

    lines = []
    servers(say=lines.append, wait_for_store=False)

    assert all(process.wait(5) is not None for process in left.values())
    assert [line for line in lines if "left by a run" in line and "postgres" in line]


def test_secrets_are_their_owners_only(folder):
    folder.mkdir()
    secret = embedded._secrets(folder)
    assert len(set(secret.values())) == len(secret), "no two doors have the same key"
    assert stat.S_IMODE((folder / "secrets.json").stat().st_mode) == 0o600
    assert embedded._secrets(folder) == secret


def test_damaged_secrets_are_not_replaced(folder):
    folder.mkdir()
    (folder / "secrets.json").write_text("{")
    with pytest.raises(CannotStart, match="restore it"):
        embedded._secrets(folder)


def test_two_hubs_do_not_share_a_folder(folder):
    folder.mkdir()
    held = embedded._lock(folder)
    with pytest.raises(CannotStart, match=r"runs on .* already"):
        embedded.start(folder)
    held.close()


def test_a_wheel_that_is_missing_names_the_setting(folder, monkeypatch):
    folder.mkdir()
    monkeypatch.setenv("BROKER_URL", "redis://elsewhere/0")
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere/hub")
    monkeypatch.setattr(embedded.shutil, "which", lambda *_, **__: None)
    with pytest.raises(CannotStart, match="Set S3_ENDPOINT"):
        embedded.start(folder)

    monkeypatch.setenv("S3_ENDPOINT", "http://elsewhere")
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.setattr(embedded.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(CannotStart, match="Set DATABASE_URL"):
        embedded.start(folder)


@pytest.fixture
def closed(folder, monkeypatch):
    """A folder that only root may enter, and a hub that needs nothing but PostgreSQL."""
    closed = folder.parent / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setenv("BROKER_URL", "redis://elsewhere/0")
    monkeypatch.setenv("S3_ENDPOINT", "http://elsewhere")
    return closed


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another name for PostgreSQL")
def test_root_may_start_it_where_nobody_else_may_enter(closed):
    for _ in range(2):
        servers = embedded.start(closed / "data")
        psycopg2.connect(servers.environment["DATABASE_URL"]).close()
        process = servers.processes.running["postgres"]
        servers.stop()
        assert process.poll() is not None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another name for PostgreSQL")
def test_root_is_told_which_folder_bars_postgres(closed, monkeypatch):
    monkeypatch.setenv("PATH", "")  # a system without user namespaces
    with pytest.raises(CannotStart, match=f"cannot enter {closed}"):
        embedded.start(closed / "data")


def test_a_stale_postmaster_file_of_another_program_is_removed(folder):
    folder.mkdir()
    stale = folder / "postmaster.pid"
    stale.write_text(f"{os.getpid()}\n/somewhere\n")  # a live number, and not PostgreSQL's
    embedded._end_postgres(folder)
    assert not stale.exists()


def test_a_store_that_does_not_answer_is_a_sentence():
    began = time.monotonic()
    nowhere = {"S3_ENDPOINT": f"http://127.0.0.1:{embedded.free_port()}", "S3_ACCESS_KEY": "a", "S3_SECRET_KEY": "b"}
    with pytest.raises(CannotStart, match="is not ready after"):
        embedded.prepare_store(nowhere, seconds=0.5)
    assert time.monotonic() - began < 10


def test_addresses_are_joined_only_while_the_hub_runs(folder, monkeypatch):
    folder.mkdir()
    (folder / "addresses.json").write_text('{"BROKER_URL": "redis://here/0"}')
    embedded.join(folder)
    assert "BROKER_URL" not in os.environ, "left by a run that was killed"

    held = embedded._lock(folder)
    embedded.join(folder)
    assert os.environ["BROKER_URL"] == "redis://here/0"
    held.close()


def test_ports_are_those_of_last_time_where_free(folder):
    folder.mkdir()
    ports = embedded._Ports(folder)
    port = ports("broker")
    ports.keep()
    assert embedded._Ports(folder)("broker") == port

    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        assert embedded._Ports(folder)("broker") != port


def test_wait_until_gives_up():
    assert not wait_until(lambda: False, 0.1)
