"""A real PostgreSQL for tests: found on this machine, run on loopback, never as root, ended afterwards."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

START_SECONDS = 60


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of the server's own database; skips, in one line, where there is no PostgreSQL."""
    binaries = find_binaries()
    if binaries is None:
        pytest.skip(
            "NO POSTGRESQL ON THIS MACHINE (initdb and postgres): what must work on it is NOT tested here"
        )
    folder = Path(tempfile.mkdtemp(prefix="mh-pg-", dir="/tmp"))
    user = _unprivileged_user()
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)
    identity = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    process = None
    try:
        initdb = f"{binaries}/initdb -D {folder}/data -U meter -A trust -E UTF8 --no-sync"
        subprocess.run(initdb.split(), cwd=folder, check=True, capture_output=True, **identity)
        port = _free_port()
        with (folder / "log").open("wb") as log:
            postgres = f"{binaries}/postgres -D {folder}/data -h 127.0.0.1 -p {port} -k {folder} -F"
            process = subprocess.Popen(postgres.split(), cwd=folder, stdout=log, stderr=log, **identity)
        url = f"postgresql://meter@127.0.0.1:{port}/postgres"
        _wait_until_it_answers(url, process, folder / "log")
        yield url
    finally:
        if process is not None:
            process.send_signal(signal.SIGINT)
            process.wait(START_SECONDS)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_database(postgres_server: str) -> Iterator[str]:
    """URL of an empty database of this test's own."""
    name = f"t{uuid.uuid4().hex}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield postgres_server.rpartition("/")[0] + f"/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def find_binaries() -> Path | None:
    """The newest folder that holds both `initdb` and `postgres`: the PATH first, then Debian's."""
    on_path = [Path(found).resolve().parent for found in [shutil.which("initdb")] if found]
    for folder in [*on_path, *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    return None


def _unprivileged_user() -> pwd.struct_passwd | None:
    """Whom to run the server as when we are root, which PostgreSQL refuses; None means as ourselves."""
    if os.getuid() != 0:
        return None
    with contextlib.suppress(KeyError):
        return pwd.getpwnam("postgres")
    return pwd.getpwnam("nobody")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_until_it_answers(url: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(url).close()
            return
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {log.read_text()}") from None
            time.sleep(0.1)
