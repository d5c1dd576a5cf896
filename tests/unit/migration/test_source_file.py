"""What is refused as a source, and in which words."""

from __future__ import annotations

import gzip
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from migration.errors import SourceBusyError, SourceRefusedError
from migration.source.connection import open_source
from migration.source.file import bits_per_byte, check_source
from monitor.errors import ExitCode

#: Writes rows in a transaction that is larger than its page cache, then dies as by kill -9.
CRASH_MID_TRANSACTION = """
import os, sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute("PRAGMA cache_size = 2")
c.execute("BEGIN")
c.execute("INSERT INTO person (name) SELECT 'half written ' || a.name FROM person a, person b")
os.kill(os.getpid(), 9)
"""
#: Commits one row to the log of a WAL database, then dies: the log stays behind without its index.
CRASH_AFTER_COMMIT = """
import os, sqlite3, sys
c = sqlite3.connect(sys.argv[1], isolation_level=None)
c.execute("PRAGMA journal_mode = WAL")
c.execute("INSERT INTO person (name) VALUES ('in the log')")
os.kill(os.getpid(), 9)
"""
WRITER = (
    "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('INSERT INTO other VALUES (1)')"
)


def make_database(path: Path, *, rows: int = 300, pragma: str = "") -> Path:
    with closing(sqlite3.connect(path)) as connection, connection:
        if pragma:
            connection.execute(pragma)
        connection.execute("CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT NOT NULL)")
        connection.execute("CREATE TABLE other (a)")
        connection.executemany(
            "INSERT INTO person (name) VALUES (?)", [(f"name {n}" * 5,) for n in range(rows)]
        )
    return path


def refusal(path: Path) -> SourceRefusedError:
    with pytest.raises(SourceRefusedError) as caught:
        check_source(path)
    error = caught.value
    assert error.exit_code is ExitCode.WRONG_USAGE
    assert error.next_step, "every refusal says what to do next"
    assert "\n" not in str(error)
    return error


def test_a_whole_database_is_accepted(tmp_path: Path) -> None:
    checked = check_source(make_database(tmp_path / "app.db"))
    assert checked.path == (tmp_path / "app.db").resolve()
    assert checked.header.page_size * checked.header.page_count == checked.size
    assert checked.notes == ()


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "no.db").what


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    path.touch()
    assert "empty (0 bytes)" in refusal(path).what


def test_a_directory_is_refused(tmp_path: Path) -> None:
    assert "is a directory" in refusal(tmp_path).what


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "not an ordinary file" in refusal(tmp_path / "pipe").what


def test_random_bytes_are_called_encrypted(tmp_path: Path) -> None:
    path = tmp_path / "secret.db"
    path.write_bytes(os.urandom(8192))
    assert "encrypted" in refusal(path).what


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"id,name\n1,Ada\n" * 200, "does not begin with SQLite's header"),
        (b"CREATE TABLE a (b);\nINSERT INTO a VALUES (1);\n", "SQL text"),
        (gzip.compress(b"x" * 5000, mtime=0), "gzip"),
        (b"PGDMP\x01\x0e", "pg_dump"),
        (b"SQLite format 3\x00" + b"\x10\x00", "cut off inside the header"),
        (b"\x00", "does not begin with SQLite's header"),
    ],
)
def test_another_kind_of_file_is_named(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "other.db"
    path.write_bytes(content)
    assert reason in refusal(path).why


def test_a_database_behind_an_encrypted_first_page_is_called_encrypted_or_damaged(tmp_path: Path) -> None:
    path = make_database(tmp_path / "app.db")
    content = bytearray(path.read_bytes())
    content[18:24] = os.urandom(6)  # plaintext header, everything the format fixes is not what it must be
    path.write_bytes(content)
    assert "encrypted or damaged" in refusal(path).what


def test_a_file_cut_off_is_refused_with_both_sizes(tmp_path: Path) -> None:
    path = make_database(tmp_path / "app.db")
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(size // 2)
    error = refusal(path)
    assert "cut off" in error.what
    assert f"{size:,}" in error.why


def test_a_damaged_page_is_refused_and_its_table_named(tmp_path: Path) -> None:
    path = make_database(tmp_path / "app.db")
    with path.open("r+b") as file:
        file.seek(4096 * 4)
        file.write(os.urandom(4096))
    error = refusal(path)
    assert "is damaged" in error.what
    assert "damaged: person" in error.why
    assert "other" not in error.why


def test_a_damaged_schema_page_is_refused(tmp_path: Path) -> None:
    path = make_database(tmp_path / "app.db")
    with path.open("r+b") as file:
        file.seek(100)
        file.write(os.urandom(3000))
    assert "is damaged" in refusal(path).what


def test_a_broken_value_rule_is_a_note_and_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE a (n INTEGER)")
        connection.execute("INSERT INTO a VALUES (NULL)")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_schema SET sql = 'CREATE TABLE a (n INTEGER NOT NULL)'")
    assert check_source(path).notes == ("SQLite says: NULL value in a.n",)


@pytest.mark.parametrize(
    "name", ["my shop.db", "what?.db", "a#b.db", "100%.db", "100%25.db", "ünï.db", "a'b\".db"]
)
def test_any_file_name_is_read(tmp_path: Path, name: str) -> None:
    path = make_database(tmp_path / name, rows=3)
    assert check_source(path).path.name == name
    with closing(open_source(path)) as connection:
        assert connection.execute("SELECT count(*) FROM person").fetchone() == (3,)


@pytest.mark.parametrize("encoding", ["UTF-16le", "UTF-16be"])
def test_utf_16_text_is_read_as_utf_8_bytes(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "wide.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"PRAGMA encoding = '{encoding}'")
        connection.execute("CREATE TABLE a (b TEXT)")
        connection.execute("INSERT INTO a VALUES ('naïve €𝄞')")
    check_source(path)
    with closing(open_source(path)) as connection:
        assert connection.execute("SELECT b FROM a").fetchone() == ("naïve €𝄞".encode(),)


def test_opening_never_writes_to_the_file(tmp_path: Path) -> None:
    path = make_database(tmp_path / "app.db")
    before = path.read_bytes(), path.stat().st_mtime_ns
    check_source(path)
    with closing(open_source(path)) as connection, pytest.raises(sqlite3.OperationalError):
        connection.execute("DELETE FROM person")
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_a_log_that_a_crash_left_behind_is_read(tmp_path: Path) -> None:
    path = make_database(tmp_path / "app.db", rows=3)
    subprocess.run([sys.executable, "-c", CRASH_AFTER_COMMIT, path], check=False)
    assert (tmp_path / "app.db-wal").stat().st_size > 0
    (tmp_path / "app.db-shm").unlink()
    check_source(path)
    with closing(open_source(path)) as connection:
        assert connection.execute("SELECT count(*) FROM person").fetchone() == (4,)


def test_a_transaction_that_a_crash_left_half_written_is_rolled_back_with_a_note(tmp_path: Path) -> None:
    path = make_database(tmp_path / "app.db", rows=100)
    subprocess.run([sys.executable, "-c", CRASH_MID_TRANSACTION, path], check=False)
    assert (tmp_path / "app.db-journal").stat().st_size > 0
    checked = check_source(path)
    assert any("rolled back" in note for note in checked.notes)
    with closing(open_source(path)) as connection:
        assert connection.execute("SELECT count(*) FROM person").fetchone() == (100,)


def test_tables_with_a_collation_of_the_application_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.create_collation("unicase", lambda left, right: (left > right) - (left < right))
        connection.execute("CREATE TABLE a (k TEXT COLLATE unicase PRIMARY KEY, v) WITHOUT ROWID")
        connection.execute("INSERT INTO a VALUES ('x', 1)")
    check_source(path)
    with closing(open_source(path)) as connection:
        assert connection.execute("SELECT * FROM a").fetchall() == [(b"x", 1)]


def test_a_file_held_in_exclusive_mode_is_reported_as_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("migration.source.connection.LOCK_WAIT_S", 0.2)
    path = make_database(tmp_path / "app.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(SourceBusyError) as caught:
            check_source(path)
    assert caught.value.exit_code is ExitCode.FAILED
    assert "stop the application" in caught.value.next_step


def test_looking_at_the_header_keeps_the_locks_of_other_connections(tmp_path: Path) -> None:
    """POSIX drops a process's locks when any descriptor of the file is closed: no fence may end by that."""
    path = make_database(tmp_path / "app.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as fence:
        fence.execute("BEGIN IMMEDIATE")
        check_source(path)
        done = subprocess.run(
            [sys.executable, "-c", WRITER, path], capture_output=True, text=True, check=False
        )
    assert "database is locked" in done.stderr


READS_AS_NOBODY = """
import os, sys
from pathlib import Path
from migration.errors import SourceRefusedError
from migration.source.connection import open_source
from migration.source.file import check_source
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    check_source(Path(sys.argv[1]))
    print(open_source(Path(sys.argv[1])).execute("SELECT count(*) FROM person").fetchone()[0], "rows")
except SourceRefusedError as error:
    print(error)
"""


@pytest.fixture
def open_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that another user can reach."""
    folder = tmp_path_factory.mktemp("shared")
    for part in (folder, *folder.parents):
        if part.owner() == Path.home().owner() and part.name.startswith(("shared", "pytest-", "popen-")):
            part.chmod(0o755)
    return folder


def read_as_nobody(path: Path) -> str:
    """Read without rights to the folder; root, which ignores permissions, becomes nobody for it."""
    path.parent.chmod(0o555)
    try:
        return subprocess.run(
            [sys.executable, "-c", READS_AS_NOBODY, path], capture_output=True, text=True, check=True
        ).stdout
    finally:
        path.parent.chmod(0o755)


def test_a_database_in_a_read_only_folder_is_read(open_folder: Path) -> None:
    assert read_as_nobody(make_database(open_folder / "app.db", rows=7)) == "7 rows\n"


def test_a_wal_database_in_a_read_only_folder_is_read_when_its_log_is_empty(open_folder: Path) -> None:
    path = make_database(open_folder / "app.db", rows=7, pragma="PRAGMA journal_mode = WAL")
    assert read_as_nobody(path) == "7 rows\n"


def test_a_wal_database_in_a_read_only_folder_is_refused_when_its_log_holds_rows(open_folder: Path) -> None:
    path = make_database(open_folder / "app.db", rows=7)
    subprocess.run([sys.executable, "-c", CRASH_AFTER_COMMIT, path], check=False)
    (open_folder / "app.db-shm").unlink()
    assert "copy app.db and app.db-wal together" in read_as_nobody(path)


def test_an_unreadable_file_is_refused(open_folder: Path) -> None:
    path = make_database(open_folder / "app.db")
    path.chmod(0)
    assert "permissions do not allow it" in read_as_nobody(path)


def test_entropy_tells_random_from_text() -> None:
    assert bits_per_byte(b"a" * 100) == 0
    assert bits_per_byte(bytes(range(256))) == 8
