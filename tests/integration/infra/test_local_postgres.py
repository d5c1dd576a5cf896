"""LocalPostgres: a real server that starts, answers, and never outlives its owner."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import psycopg
import psycopg.conninfo
import pytest

from infra.local_postgres import (
    LocalPostgres,
    LocalPostgresError,
    debian_installation,
    package_folder,
)
from infra.system_user import system_user

if TYPE_CHECKING:
    from collections.abc import Iterator

OWNER = """
import sys, time
from pathlib import Path
from infra.local_postgres import LocalPostgres
server = LocalPostgres(durable=False)
server.start()
print(server.pid, server.dsn, flush=True)
time.sleep(120)
"""


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder whose parents any user may enter; pytest's own temporary folders are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="outgrow-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def gone(pid: int, seconds: float = 30) -> bool:
    """Whether a process disappears (or is left as a zombie for whoever adopts orphans here) in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.05)
    return False


def socket_folder(dsn: str) -> Path:
    return Path(str(psycopg.conninfo.conninfo_to_dict(dsn)["host"]))


def test_it_is_postgresql_18_and_answers_on_a_private_socket_only(postgres: LocalPostgres) -> None:
    with psycopg.connect(postgres.dsn) as connection:
        version = connection.execute("SHOW server_version_num").fetchone()
        listens = connection.execute("SHOW listen_addresses").fetchone()
    assert version is not None
    assert version[0].startswith("18")
    assert listens == ("",)
    assert socket_folder(postgres.dsn).stat().st_mode & 0o077 == 0


@pytest.mark.both_servers
def test_its_psql_runs_against_it(postgres: LocalPostgres) -> None:
    done = subprocess.run(
        [postgres.psql, "-X", "-At", "-c", "SELECT 6 * 7", postgres.dsn],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "42"


def test_every_test_gets_an_empty_database_of_its_own(database: str) -> None:
    with psycopg.connect(database) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    assert tables == (0,)


def test_database_names_may_hold_quotes_spaces_and_slashes(postgres: LocalPostgres) -> None:
    name = 'Orders "2026"/é %'
    dsn = postgres.create_database(name)
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == (name,)
    postgres.drop_database(name)


def test_stop_ends_the_server_and_removes_its_folder_even_with_clients_connected() -> None:
    server = LocalPostgres(durable=False)
    server.start()
    pid, folder = server.pid, socket_folder(server.dsn)
    with psycopg.connect(server.dsn) as connection:
        server.stop()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    assert not psutil.pid_exists(pid)
    assert not folder.exists()
    server.stop()
    with pytest.raises(LocalPostgresError, match="not running"):
        _ = server.dsn


def test_two_servers_live_side_by_side(postgres: LocalPostgres) -> None:
    with LocalPostgres(durable=False) as other:
        assert other.pid != postgres.pid
        with psycopg.connect(other.dsn) as first, psycopg.connect(postgres.dsn) as second:
            assert first.execute("SELECT 1").fetchone() == second.execute("SELECT 1").fetchone()


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_the_server_does_not_outlive_an_owner_that_dies(signum: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as owner:
        assert owner.stdout is not None
        pid, dsn = owner.stdout.readline().decode().split()
        owner.send_signal(signum)
    assert gone(int(pid))
    deadline = time.monotonic() + 10
    while socket_folder(dsn).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not socket_folder(dsn).exists()


def test_a_chosen_folder_keeps_its_data_and_serves_one_server_at_a_time(open_folder: Path) -> None:
    with LocalPostgres(open_folder / "pg", durable=False) as first:
        dsn = first.create_database("kept")
        with psycopg.connect(dsn) as connection:
            connection.execute("CREATE TABLE note AS SELECT 'still here' AS text")
        with pytest.raises(LocalPostgresError, match="in use"):
            LocalPostgres(open_folder / "pg").start()
    with (
        LocalPostgres(open_folder / "pg", durable=False) as second,
        psycopg.connect(second.dsn_of("kept")) as connection,
    ):
        assert connection.execute("SELECT text FROM note").fetchone() == ("still here",)


def test_a_server_that_cannot_start_says_why() -> None:
    server = LocalPostgres(durable=False, settings={"no_such_setting": "1"})
    with pytest.raises(LocalPostgresError, match="no_such_setting"):
        server.start()


def test_a_closed_parent_folder_is_never_opened(tmp_path: Path) -> None:
    """As root the server runs as another user, who may not go through it: refused. Other users serve it."""
    tmp_path.chmod(0o700)
    server = LocalPostgres(tmp_path / "pg", durable=False)
    if system_user() is None:
        server.start()
        server.stop()
    else:
        with pytest.raises(LocalPostgresError, match="may not enter"):
            server.start()
    assert tmp_path.stat().st_mode & 0o077 == 0


def test_binaries_in_a_closed_folder_serve_and_stay_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = package_folder().parent
    without_headers = shutil.ignore_patterns("include", "__pycache__")
    shutil.copytree(package, tmp_path / package.name, symlinks=True, ignore=without_headers)
    shutil.copytree(package.with_name(f"{package.name}.libs"), tmp_path / f"{package.name}.libs")
    tmp_path.chmod(0o700)
    monkeypatch.setattr("infra.local_postgres.package_folder", lambda: tmp_path / package.name / "pginstall")
    with LocalPostgres(durable=False) as server, psycopg.connect(server.dsn) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert tmp_path.stat().st_mode & 0o077 == 0


@pytest.mark.both_servers
def test_every_server_sorts_by_code_point_and_knows_all_letters(database: str) -> None:
    with psycopg.connect(database) as connection:
        found = connection.execute(
            "SELECT array_agg(x ORDER BY x), lower('ÄÖ') FROM unnest(array['ä', 'B', 'a', 'Z']) AS x"
        ).fetchone()
    assert found == (["B", "Z", "a", "ä"], "äö")


def test_the_preferred_of_debian_s_servers_is_taken_or_the_newest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.local_postgres.DEBIAN_VERSIONS", tmp_path)
    with pytest.raises(LocalPostgresError, match="apt-get install postgresql-15"):
        debian_installation(15)
    for version in ("9", "15", "17"):
        (tmp_path / version / "bin").mkdir(parents=True)
        (tmp_path / version / "bin" / "postgres").touch()
    assert debian_installation(15) == tmp_path / "15"
    assert debian_installation(16) == tmp_path / "17"
