"""kill -9 at any moment, then the same command again: the result is that of an uninterrupted run."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from infra.local_postgres import LocalPostgres
from migration.errors import JournalRefusedError, TargetLostError, TargetRefusedError
from migration.run import RunOptions, run_migration
from migration.schema.options import PlanOptions
from monitor.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    RunUntil = Callable[[int | str, Path, str], dict[str, Any]]

#: For each line "moment source dsn" on standard input, runs a migration in a process of its own that kills
#: itself at that moment, counted over all that matter: before and after every write to the target's records
#: and to the journal (so on both sides of every commit), and inside every COPY. Answers with the moment's
#: name, or with the result.
RUNNER = """
import json, os, signal, sys
from pathlib import Path
from migration.running import journal
from migration.running import progress
from migration import run
from migration.target import state as target_state
left = 0

def moment(name):
    global left
    left = left if isinstance(left, str) else left - 1
    if left in (0, name):
        print(json.dumps({"killed": name}), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

def around(owner, method, *, before=True):
    original = getattr(owner, method)
    def wrapped(*arguments, **options):
        if before:
            moment(f"before {owner.__name__}.{method}")
        result = original(*arguments, **options)
        moment(f"after {owner.__name__}.{method}")
        return result
    setattr(owner, method, wrapped)

around(target_state.TargetState, "record", before=False)  # the step is done, its transaction still open
around(journal.Journal, "end")  # the transaction is committed: before and after the journal knows it
around(run._Run, "_begin")
around(target_state.TargetState, "start_over")
around(target_state.TargetState, "drop")
around(journal.Journal, "start_over")
around(journal.Journal, "finish")

class Counting(progress.Silent):
    def advance(self, rows):
        moment("inside a copy or the verification")

for line in sys.stdin:
    wanted, source, dsn = json.loads(line)
    child = os.fork()
    if child == 0:
        left = wanted
        report = run.run_migration(Path(source), dsn, progress=Counting())
        moments = wanted - left if isinstance(wanted, int) else None
        print(json.dumps({"equal": report.equal, "moments": moments}), flush=True)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    print(json.dumps({"code": os.waitstatus_to_exitcode(status)}), flush=True)
"""
FAR = 10**9
#: A moment among the copies of the small shop.
HALF_WAY = 35


@pytest.fixture(scope="session")
def run_until() -> Iterator[RunUntil]:
    """Runs a migration until its nth moment, or the first of a name (FAR: to its end)."""
    with subprocess.Popen(
        [sys.executable, "-c", RUNNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as runner:

        def until(moment: int | str, source: Path, dsn: str) -> dict[str, Any]:
            assert runner.stdin is not None
            assert runner.stdout is not None
            print(json.dumps([moment, str(source), dsn]), file=runner.stdin, flush=True)
            answer: dict[str, Any] = json.loads(runner.stdout.readline())
            if "code" not in answer:
                answer |= json.loads(runner.stdout.readline())
            assert answer["code"] in (0, -signal.SIGKILL), answer
            return answer

        yield until


@pytest.fixture(scope="session")
def uninterrupted(
    postgres: LocalPostgres, _filled: Path, tmp_path_factory: pytest.TempPathFactory, run_until: RunUntil
) -> tuple[str, int]:
    """A database migrated in one go, and how many moments that took."""
    path = tmp_path_factory.mktemp("uninterrupted") / "shop.db"
    dsn = postgres.create_database(path.parent.name)  # numbered: each server is asked once or more
    path.write_bytes(_filled.read_bytes())
    answer = run_until(FAR, path, dsn)
    assert answer["equal"]
    return dsn, answer["moments"]


@pytest.mark.parametrize("seed", [1, 2])
def test_a_migration_killed_a_dozen_times_ends_like_one_that_was_not(
    shop: Path,
    database: str,
    uninterrupted: tuple[str, int],
    run_until: RunUntil,
    content_of: Callable[..., Any],
    *,
    seed: int,
) -> None:
    """Each run is killed some moments after the kill before it, so that the kills walk through all steps."""
    expected, moments = uninterrupted
    chance = random.Random(seed)
    killed = []
    while "killed" in (answer := run_until(chance.randint(3, moments // 5), shop, database)):
        killed.append(answer["killed"])
        assert len(killed) < 60, "it does not get on"
    assert len(killed) >= 6, killed
    assert answer["equal"]
    assert content_of(database) == content_of(expected)


def test_a_kill_at_any_moment_of_a_whole_migration_is_survived(
    database: str, run_until: RunUntil, content_of: Callable[..., Any], tmp_path: Path
) -> None:
    """One table, so that every single moment from the first commit to the last word can be tried."""
    path = tmp_path / "tiny.db"
    with closing(sqlite3.connect(path)) as source, source:
        source.execute("CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT, b TEXT UNIQUE)")
        source.executemany("INSERT INTO a (b) VALUES (?)", [(f"{n}",) for n in range(10)])
    journal = path.with_name(path.name + ".outgrow-journal")
    moments = run_until(FAR, path, database)["moments"]
    expected = content_of(database)
    names = set()
    for moment in range(1, moments + 1):
        with psycopg.connect(database) as target:
            target.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        journal.unlink()
        name = run_until(moment, path, database)["killed"]
        names.add(name)
        assert run_until(FAR, path, database)["equal"], name
        assert content_of(database) == expected, f"{moment}: {name}"
    assert {"before TargetState.drop", "after TargetState.drop", "after Journal.finish"} <= names


@pytest.mark.both_servers
def test_the_command_killed_at_random_times_ends_like_one_that_was_not(
    shop: Path, database: str, uninterrupted: tuple[str, int], content_of: Callable[..., Any]
) -> None:
    chance = random.Random(11)
    command = [sys.executable, "-m", "outgrow", "migrate", "run", shop, database]
    journal = shop.with_name(shop.name + ".outgrow-journal")
    codes = []
    for _ in range(4):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
            while not journal.exists() and running.poll() is None:
                time.sleep(0.01)
            time.sleep(chance.uniform(0, 0.5 if codes else 1.0))
            running.kill()
        codes.append(running.returncode)
    assert codes[0] == -signal.SIGKILL
    last = subprocess.run(command, capture_output=True, text=True, check=False)
    assert last.returncode == 0, last.stderr
    assert content_of(database) == content_of(uninterrupted[0])


@pytest.mark.parametrize("moment", [HALF_WAY, "before TargetState.drop"])
@pytest.mark.both_servers
def test_a_source_that_changed_since_the_interruption_is_copied_anew(
    small_shop: Path, database: str, run_until: RunUntil, outgrow: Callable[..., Any], moment: int | str
) -> None:
    """Whether half the rows were there, or everything down to the views."""
    assert "killed" in run_until(moment, small_shop, database)
    with closing(sqlite3.connect(small_shop)) as application, application:
        application.execute('UPDATE "user" SET "displayName" = \'changed\'')
        application.execute("CREATE TABLE late (a INTEGER)")
    done = outgrow("migrate", "run", small_shop, database)
    assert done.code == 0
    assert "the source has changed since the interrupted run" in done.err
    with psycopg.connect(database) as target:
        names = target.execute('SELECT DISTINCT "displayName" FROM "user"').fetchall()
        assert names == [("changed",)]
        assert target.execute("SELECT count(*) FROM late").fetchone() == (0,)


def test_a_source_that_changed_before_the_last_word_is_reported_as_changed(
    small_shop: Path, database: str, run_until: RunUntil
) -> None:
    """All steps are done and the target is finished; only the journal does not say so yet."""
    assert "killed" in run_until("before Journal.finish", small_shop, database)
    with closing(sqlite3.connect(small_shop)) as application, application:
        application.execute("CREATE TABLE late (a INTEGER)")
    report = run_migration(small_shop, database)
    assert report.source_changed
    assert report.equal
    assert len(report.tables) == 10


def test_a_finished_target_that_disappears_before_the_last_word_is_refused(
    small_shop: Path, database: str, run_until: RunUntil
) -> None:
    assert "killed" in run_until("before Journal.finish", small_shop, database)
    with psycopg.connect(database) as target:
        target.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    with pytest.raises(TargetRefusedError, match="lacks its tables"):
        run_migration(small_shop, database)


def test_copying_anew_can_be_killed_too(
    small_shop: Path,
    database: str,
    postgres: LocalPostgres,
    run_until: RunUntil,
    content_of: Callable[..., Any],
) -> None:
    assert "killed" in run_until(HALF_WAY, small_shop, database)
    with closing(sqlite3.connect(small_shop)) as application, application:
        application.execute("UPDATE event SET payload = 'anew'")
    for moment in (1, 2, 3, 4, 5):
        assert "killed" in run_until(moment, small_shop, database)
    assert run_until(FAR, small_shop, database)["equal"]
    other = postgres.create_database("copied_anew")
    assert run_migration(small_shop, other, RunOptions(journal=small_shop.with_name("other journal"))).equal
    assert content_of(database) == content_of(other)
    postgres.drop_database("copied_anew")


def test_a_resume_with_other_options_or_target_is_refused_and_told_what_differs(
    small_shop: Path, database: str, postgres: LocalPostgres, run_until: RunUntil
) -> None:
    assert "killed" in run_until(HALF_WAY, small_shop, database)
    with pytest.raises(JournalRefusedError, match="the schema was public, now other"):
        run_migration(small_shop, database, RunOptions(PlanOptions(schema="other")))
    with pytest.raises(JournalRefusedError, match="nul-policy was refuse, now strip"):
        run_migration(small_shop, database, RunOptions(PlanOptions(nul_policy="strip")))
    with pytest.raises(JournalRefusedError, match="the target was"):
        run_migration(small_shop, postgres.dsn)
    assert run_migration(small_shop, database).resumed


def test_a_half_done_target_without_its_journal_is_refused(
    small_shop: Path,
    database: str,
    run_until: RunUntil,
    content_of: Callable[..., Any],
) -> None:
    assert "killed" in run_until(HALF_WAY, small_shop, database)
    journal = small_shop.with_name(small_shop.name + ".outgrow-journal")
    kept = journal.rename(journal.with_name("moved away"))
    before = content_of(database)
    with pytest.raises(TargetRefusedError, match="unfinished migration that has another journal") as caught:
        run_migration(small_shop, database)
    assert caught.value.exit_code is ExitCode.FAILED
    assert content_of(database) == before
    assert run_migration(small_shop, database, RunOptions(journal=kept)).equal


def test_a_second_run_at_the_same_time_is_refused_with_the_first_ones_pid(
    small_shop: Path, database: str, outgrow: Callable[..., Any]
) -> None:
    first = subprocess.Popen(
        [sys.executable, "-m", "outgrow", "migrate", "run", small_shop, database],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    lock = small_shop.with_name(small_shop.name + ".outgrow-journal.lock")
    while not (lock.exists() and lock.read_text()):
        time.sleep(0.01)
    first.send_signal(signal.SIGSTOP)
    try:
        second = outgrow("migrate", "run", small_shop, database)
    finally:
        first.send_signal(signal.SIGCONT)
    assert second.code == 1
    assert f"process {first.pid}" in second.err
    first.communicate()
    assert first.returncode == 0


@pytest.fixture
def cluster() -> Iterator[Path]:
    """A data folder that the server's user can reach, also where that is not the user who runs the tests."""
    with tempfile.TemporaryDirectory(prefix="outgrow-cluster-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "data"


def test_a_server_that_dies_in_the_middle_gives_one_clear_error_and_the_run_goes_on_later(
    shop: Path,
    uninterrupted: tuple[str, int],
    content_of: Callable[..., Any],
    cluster: Path,
) -> None:
    with LocalPostgres(cluster, settings={"fsync": "off"}) as server:
        dsn = server.create_database("shop")

        class Kills:
            rows = 0

            def plan(self, rows: int, done: int) -> None: ...
            def begin(self, step: Any) -> None: ...
            def end(self, step: Any, outcome: Any) -> None: ...
            def say(self, text: str) -> None: ...

            def advance(self, rows: int) -> None:
                self.rows += rows
                if self.rows > 30_000 and not server_gone:
                    server_gone.append(True)
                    with psycopg.connect(server.dsn, autocommit=True) as admin:
                        admin.execute(
                            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                            " WHERE application_name LIKE 'outgrow %'"
                        )

        server_gone: list[bool] = []
        with pytest.raises(TargetLostError) as caught:
            run_migration(shop, dsn, progress=Kills())
        assert "was lost" in caught.value.what
        assert "same command again" in caught.value.next_step
    with LocalPostgres(cluster, settings={"fsync": "off"}) as server:
        report = run_migration(shop, server.dsn_of("shop"))  # the same cluster at another address
        assert report.resumed
        assert report.equal
        assert content_of(server.dsn_of("shop")) == content_of(uninterrupted[0])
