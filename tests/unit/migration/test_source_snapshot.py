"""One state for all reads, and how a later look knows it again."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from migration.source.snapshot import SourceState, hold_snapshot, read_state

if TYPE_CHECKING:
    from pathlib import Path

COUNT = "SELECT count(*) FROM a"


@pytest.fixture(params=["DELETE", "WAL"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"PRAGMA journal_mode = {request.param}")
        connection.execute("CREATE TABLE a (b)")
        connection.execute("INSERT INTO a VALUES (1)")
    return path


def write(path: Path, sql: str = "INSERT INTO a VALUES (2)") -> None:
    """Write from a process of its own, as an application does."""
    code = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], timeout=0); c.execute(sys.argv[2]); c.commit()"
    )
    subprocess.run([sys.executable, "-c", code, path, sql], check=True, capture_output=True)


def test_the_state_stays_the_same_when_nothing_is_written(source: Path) -> None:
    before = read_state(source)
    with hold_snapshot(source) as snapshot:
        assert snapshot.connection.execute(COUNT).fetchone() == (1,)
        assert not snapshot.overtaken()
    with hold_snapshot(source) as snapshot:
        assert snapshot.state == before


@pytest.mark.parametrize(
    "sql", ["INSERT INTO a VALUES (2)", "UPDATE a SET b = 3", "DELETE FROM a", "CREATE TABLE c (d)", "VACUUM"]
)
def test_every_change_changes_the_state(source: Path, sql: str) -> None:
    before = read_state(source)
    write(source, sql)
    assert read_state(source) != before


def test_a_state_survives_json(source: Path) -> None:
    state = read_state(source)
    assert SourceState.from_json(json.loads(json.dumps(state.to_json()))) == state


def test_reading_does_not_see_what_is_written_meanwhile_but_says_so(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as application:
        application.execute("PRAGMA journal_mode = WAL")
        application.execute("CREATE TABLE a (b)")
        application.commit()
        with hold_snapshot(path) as snapshot:
            write(path)
            assert snapshot.connection.execute(COUNT).fetchone() == (0,)
            assert snapshot.overtaken()
        with hold_snapshot(path) as snapshot:
            assert snapshot.connection.execute(COUNT).fetchone() == (1,)


def test_a_checkpoint_of_the_log_is_no_change(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as application:
        application.execute("PRAGMA journal_mode = WAL")
        application.execute("CREATE TABLE a (b)")
        application.commit()
        with hold_snapshot(path) as snapshot:
            application.execute("PRAGMA wal_checkpoint(PASSIVE)")
            assert not snapshot.overtaken()


def test_a_writer_waits_while_a_snapshot_of_a_rollback_journal_file_is_held(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as application:
        application.execute("CREATE TABLE a (b)")
    with hold_snapshot(path) as snapshot:
        read_state(path)  # must not drop the lock that holds the snapshot
        with pytest.raises(subprocess.CalledProcessError) as caught:
            write(path)
        assert b"database is locked" in caught.value.stderr
        assert snapshot.connection.execute(COUNT).fetchone() == (0,)
        assert not snapshot.overtaken()
    write(path)
