"""Bad luck on the way: one clear error, nothing lost, and the same command goes on."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import psycopg
import pytest

from infra.local_postgres import LocalPostgres
from infra.system_user import give, system_user
from migration.run import run_migration
from migration.running.progress import Silent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def make(path: Path, statements: str) -> Path:
    with closing(sqlite3.connect(path)) as source:
        source.executescript(statements)
    return path


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder whose parents any user may enter; pytest's own temporary folders are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="outgrow-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


#: Long enough to be caught at, whatever the number of workers.
LONG = """
CREATE TABLE item (id integer PRIMARY KEY, a text NOT NULL, b text NOT NULL, note text);
WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 120000)
INSERT INTO item SELECT i, hex(randomblob(16)), hex(randomblob(16)), 'note ' || i FROM n;
CREATE INDEX item_a ON item (a);
CREATE INDEX item_b ON item (b);
CREATE UNIQUE INDEX item_ab ON item (a, b);
"""


class Server:
    """A PostgreSQL of a test's own, whose data outlives it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = LocalPostgres(folder, durable=False)
        self.server.start()

    @property
    def dsn(self) -> str:
        return self.server.dsn

    def strike(self, at: str, action: Callable[[int], None]) -> threading.Thread:
        """Start to watch for a session of the migration at such a statement; then act on its process."""

        def watch() -> None:
            with psycopg.connect(self.dsn, autocommit=True) as connection:
                deadline = time.monotonic() + 60
                while time.monotonic() < deadline:
                    row = connection.execute(
                        "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'outgrow%%'"
                        " AND state = 'active' AND query ~ %s LIMIT 1",
                        [at],
                    ).fetchone()
                    if row is not None:
                        break
                    time.sleep(0.001)
                else:
                    return
            action(row[0])

        thread = threading.Thread(target=watch)
        thread.start()
        return thread

    def restart(self) -> None:
        self.server.stop()
        self.server = LocalPostgres(self.folder, durable=False)
        self.server.start()

    def terminate(self, pid: int) -> None:
        with psycopg.connect(self.dsn) as connection:
            connection.execute("SELECT pg_terminate_backend(%s)", [pid])

    def kill(self, pid: int) -> None:
        """The server notices, ends every other session too, and recovers."""
        os.kill(pid, signal.SIGKILL)

    def kill_all(self, pid: int) -> None:
        del pid
        os.kill(self.server.pid, signal.SIGKILL)

    def stop(self, pid: int) -> None:
        del pid
        os.kill(self.server.pid, signal.SIGINT)

    def answers(self) -> bool:
        try:
            with psycopg.connect(self.dsn):
                return True
        except psycopg.Error:
            return False


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="outgrow-test-"))
    folder.chmod(0o755)
    made = Server(folder / "data")
    yield made
    made.server.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize(
    ("at", "blow"),
    [
        ("^COPY", Server.terminate),
        ("^COPY", Server.kill),
        ("^COPY", Server.kill_all),
        ("^CREATE (UNIQUE )?INDEX", Server.stop),
        ("^CREATE (UNIQUE )?INDEX", Server.kill),
        ("^CREATE UNIQUE INDEX", Server.terminate),
    ],
)
def test_whatever_ends_the_server_s_work_the_same_command_finishes_it(
    at: str,
    blow: Callable[[Server, int], None],
    server: Server,
    tmp_path: Path,
    outgrow: Callable[..., Any],
) -> None:
    path = make(tmp_path / "long.db", LONG)
    if not server.answers():
        server.restart()
    database = f"struck_{abs(hash((at, blow.__name__)))}"
    server.server.create_database(database)
    watch = server.strike(at, lambda pid: blow(server, pid))
    done = outgrow("migrate", "run", path, server.server.dsn_of(database))
    watch.join()
    assert done.code == 1, done.out
    assert "Traceback" not in done.err
    errors = [line for line in done.err.splitlines() if line.startswith("error")]
    assert len(errors) == 1, done.err
    assert "run the same command again" in " ".join(done.err.split())
    deadline = time.monotonic() + 20
    while not server.answers() and time.monotonic() < deadline:  # it recovers by itself, or is started anew
        if not psutil.pid_exists(server.server.pid):
            server.restart()
        time.sleep(0.05)
    dsn = server.server.dsn_of(database)
    again = outgrow("migrate", "run", path, dsn)
    assert again.code == 0, again.err
    with psycopg.connect(dsn) as target, closing(sqlite3.connect(path)) as source:
        theirs = target.execute("SELECT id, a, b, note FROM item ORDER BY id").fetchall()
        assert theirs == source.execute("SELECT id, a, b, note FROM item ORDER BY id").fetchall()
        indexes = target.execute(
            "SELECT indexname::text FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
        ).fetchall()
        assert [name for (name,) in indexes] == ["item_a", "item_ab", "item_b", "item_pkey"]
        left = target.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'outgrow%'").fetchall()
        assert left == [], "nothing of ours is left behind"
    server.server.drop_database(database)


@pytest.fixture
def small_disk(open_folder: Path) -> Iterator[Callable[..., Path]]:
    """Mounts a file system of a few megabytes; called again with other options it changes the same one."""
    folder = open_folder / "disk"

    def mount(options: str) -> Path:
        kind = ["-o", f"remount,{options}"] if folder.exists() else ["-t", "tmpfs", "-o", options]
        folder.mkdir(exist_ok=True)
        done = subprocess.run(["mount", *kind, "tmpfs", folder], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
        return folder

    yield mount
    if folder.exists():
        subprocess.run(["umount", "-l", folder], capture_output=True, check=False)


def test_a_full_disk_of_the_server_is_named_and_with_more_room_the_run_goes_on(
    small_disk: Callable[..., Path], postgres: LocalPostgres, tmp_path: Path, outgrow: Callable[..., Any]
) -> None:
    path = make(
        tmp_path / "blobs.db",
        "CREATE TABLE blob (id integer PRIMARY KEY, b blob); WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1"
        " FROM n WHERE i < 40) INSERT INTO blob SELECT i, randomblob(1000000) FROM n;",
    )
    place = small_disk("size=24m") / "space"
    place.mkdir(mode=0o700)
    user = system_user()
    if user:
        give(place, user)
    with psycopg.connect(postgres.dsn, autocommit=True) as admin:
        admin.execute(f"CREATE TABLESPACE tight LOCATION '{place}'")
        admin.execute("CREATE DATABASE tight TABLESPACE tight")
    dsn = postgres.dsn_of("tight")
    try:
        done = outgrow("migrate", "run", path, dsn)
        assert done.code == 1
        assert "PostgreSQL has no disk space left" in done.err
        assert "Traceback" not in done.err
        small_disk("size=200m")
        again = outgrow("migrate", "run", path, dsn)
        assert again.code == 0, again.err
        with psycopg.connect(dsn) as target, closing(sqlite3.connect(path)) as source:
            theirs = target.execute("SELECT id, md5(b) FROM blob ORDER BY id").fetchall()
            source.create_function("md5", 1, lambda value: hashlib.md5(value).hexdigest())
            assert theirs == source.execute("SELECT id, md5(b) FROM blob ORDER BY id").fetchall()
    finally:
        postgres.drop_database("tight")
        with psycopg.connect(postgres.dsn, autocommit=True) as admin:
            admin.execute("DROP TABLESPACE tight")


def test_a_full_disk_below_the_journal_is_named_and_nothing_is_lost(
    small_disk: Callable[..., Path],
    small_shop: Path,
    database: str,
    outgrow: Callable[..., Any],
    differences: Callable[..., list[str]],
) -> None:
    disk = small_disk("size=64k")
    (disk / "filler").write_bytes(bytes(48 * 1024))
    run = ("migrate", "run", small_shop, database, "--journal", disk / "journal")
    done = outgrow(*run)
    assert done.code == 1
    assert "Traceback" not in done.err
    assert "journal" in done.err
    small_disk("size=10m")
    again = outgrow(*run)
    assert again.code == 0, again.err
    assert differences(small_shop, database) == []


def test_a_file_in_a_read_only_folder_needs_a_journal_elsewhere(
    small_disk: Callable[..., Path],
    small_shop: Path,
    database: str,
    outgrow: Callable[..., Any],
    differences: Callable[..., list[str]],
) -> None:
    disk = small_disk("size=10m")
    path = Path(shutil.copy(small_shop, disk / "shop.db"))
    small_disk("size=10m,ro")
    done = outgrow("migrate", "run", path, database)
    assert done.code in {1, 2}
    assert "--journal" in done.err
    assert "Traceback" not in done.err
    assert outgrow("migrate", "run", path, database, "--journal", small_shop.with_name("j")).code == 0
    assert differences(path, database) == []


def test_a_file_that_is_replaced_during_the_run_arrives_as_it_was_and_the_report_says_so(
    small_shop: Path, database: str, tmp_path: Path, differences: Callable[..., list[str]]
) -> None:
    other = make(tmp_path / "other.db", "CREATE TABLE another (a int)")
    kept = tmp_path / "kept.db"
    kept.write_bytes(small_shop.read_bytes())

    class Replaces(Silent):
        def begin(self, step: Any) -> None:
            if step.kind == "copy" and other.exists():
                other.replace(small_shop)

    report = run_migration(small_shop, database, progress=Replaces())
    assert not other.exists()
    assert differences(kept, database) == []
    assert report.source_changed
    assert report.exit_code == 3


def test_what_the_application_has_not_committed_does_not_arrive(small_shop: Path, database: str) -> None:
    with closing(sqlite3.connect(small_shop, isolation_level=None)) as application:
        application.execute("PRAGMA journal_mode = WAL")
        application.execute("PRAGMA wal_autocheckpoint = 0")
        application.execute("INSERT INTO category VALUES (77, 'committed, still in the log', NULL)")
        application.execute("PRAGMA cache_size = 5")  # so that the transaction reaches the log before its end
        application.execute("BEGIN")
        application.executemany(
            "INSERT INTO category VALUES (?, ?, NULL)",
            ((n, f"open {n} {'x' * 400}") for n in range(100, 900)),
        )
        report = run_migration(small_shop, database)
        application.execute("ROLLBACK")
    assert report.equal
    with psycopg.connect(database) as target:
        found = target.execute("SELECT id FROM category WHERE id > 76 ORDER BY id").fetchall()
    assert found == [(77,)]


def test_a_deleted_journal_of_a_finished_run_does_not_invite_to_overwrite(
    small_shop: Path, database: str, outgrow: Callable[..., Any], differences: Callable[..., list[str]]
) -> None:
    run_migration(small_shop, database)
    for journal in small_shop.parent.glob("*outgrow-journal*"):
        journal.unlink()
    done = outgrow("migrate", "run", small_shop, database)
    assert done.code == 1
    assert "is not empty; nothing was changed" in " ".join(done.err.split())
    assert differences(small_shop, database) == []


RUN = """
import sys
from pathlib import Path
from migration.run import run_migration
report = run_migration(Path(sys.argv[1]), sys.argv[2])
print(report.equal, report.rows)
"""


def peak_of(path: Path, dsn: str) -> tuple[str, int]:
    """What a run in its own process says, and the most MB that it and its workers had together."""
    peak = 0
    with subprocess.Popen([sys.executable, "-c", RUN, path, dsn], stdout=subprocess.PIPE, text=True) as run:
        process = psutil.Process(run.pid)
        while run.poll() is None:
            with suppress(psutil.Error):
                family = [process, *process.children(recursive=True)]
                peak = max(peak, sum(member.memory_info().rss for member in family))
            time.sleep(0.01)
        assert run.stdout is not None
        return run.stdout.read().strip(), peak // 2**20


def test_blobs_of_20_mb_pass_through_300_mb(tmp_path: Path, database: str) -> None:
    path = make(
        tmp_path / "blobs.db",
        "CREATE TABLE blob (id integer PRIMARY KEY, b blob, t text); WITH n (i) AS (SELECT 1 UNION ALL"
        " SELECT i + 1 FROM n WHERE i < 5) INSERT INTO blob SELECT i, randomblob(20000000), i FROM n;"
        " INSERT INTO blob VALUES (6, NULL, hex(randomblob(10000000)))",
    )
    said, peak = peak_of(path, database)
    assert said == "True 6"
    assert peak < 300


@pytest.mark.skipif("OUTGROW_BIG" not in os.environ, reason="takes minutes; OUTGROW_BIG=2000 makes 2,000 MB")
def test_a_file_of_any_size_passes_through_300_mb(tmp_path: Path, database: str) -> None:
    megabytes = int(os.environ.get("OUTGROW_BIG", "0"))
    path = make(
        tmp_path / "big.db",
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
        " CREATE TABLE big (id integer PRIMARY KEY, a text, b blob, c real, d datetime);"
        f" WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {megabytes * 1000})"
        " INSERT INTO big SELECT i, hex(randomblob(200)), randomblob(560), i / 7.0, '2024-01-02 03:04:05'"
        " FROM n",
    )
    said, peak = peak_of(path, database)
    assert said == f"True {megabytes * 1000}"
    assert peak < 300


def test_a_thousand_tables_and_a_chain_of_references_through_all_of_them(
    tmp_path: Path, database: str, differences: Callable[..., list[str]]
) -> None:
    statements = ["CREATE TABLE t0 (id integer PRIMARY KEY, up int)", "INSERT INTO t0 VALUES (1, NULL)"]
    for n in range(1, 1000):
        statements.append(f"CREATE TABLE t{n} (id integer PRIMARY KEY, up int NOT NULL REFERENCES t{n - 1})")
        statements.append(f"INSERT INTO t{n} VALUES ({n}, {n - 1 or 1})")
    path = make(tmp_path / "many.db", "BEGIN; " + ";\n".join(statements) + "; COMMIT")
    started = time.process_time()
    report = run_migration(path, database)
    assert report.equal
    assert time.process_time() - started < 60, "seconds of this process; it takes about 10"
    assert differences(path, database) == []


@pytest.mark.parametrize("columns", [1600, 1601, 2000])
def test_a_table_wider_than_postgresql_takes_is_named_before_anything_is_made(
    columns: int, tmp_path: Path, database: str, content_of: Callable[..., Any], outgrow: Callable[..., Any]
) -> None:
    listed = ", ".join(f"c{n} int" for n in range(columns))
    path = make(
        tmp_path / "wide.db",
        f"CREATE TABLE wide ({listed}); INSERT INTO wide (c0, c{columns - 1}) VALUES (1, 2)",
    )
    done = outgrow("migrate", "run", path, database)
    if columns == 1600:
        assert done.code == 0, done.err
        assert len(content_of(database)["rows"]["wide"]) == 1
    else:
        assert done.code == 1
        assert "at most 1,600" in " ".join(done.err.split())
        assert content_of(database)["rows"] == {}


@pytest.mark.parametrize(
    "statements", ["PRAGMA user_version = 1", "CREATE TABLE a (x); CREATE TABLE b (y int)"]
)
def test_nothing_at_all_arrives_whole(
    statements: str, tmp_path: Path, database: str, differences: Callable[..., list[str]]
) -> None:
    path = make(tmp_path / "empty.db", statements)
    report = run_migration(path, database)
    assert report.exit_code == 0
    assert report.rows == 0
    assert differences(path, database) == []
