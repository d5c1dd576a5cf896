"""What a journal pins and remembers, and who may use it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from migration.errors import (
    AlreadyRunningError,
    JournalFailedError,
    JournalRefusedError,
    TargetRefusedError,
)
from migration.running.journal import Setup, StepRecord, default_journal, existing_journal, new_journal
from migration.running.journal_lock import locked
from migration.running.resume import decide, refuse_other
from migration.running.steps import Outcome, Step
from migration.source.snapshot import SourceState
from migration.target.database import TargetIdentity
from migration.target.state import TargetSetup
from monitor.errors import ExitCode

STATE = SourceState(4096, 1_700_000_000_000_000_001, 7, 3, 0, 0, "")
TARGET = TargetIdentity("db.example", 5432, "shop", "ada", 180000, "7000000000000000001", 16384)
SETUP = Setup(
    journal="a1",
    tool="0.1.0",
    source=Path("/data/app.db"),
    source_state=STATE,
    target=TARGET,
    schema="public",
    options={"schema": "public", "nul_policy": "refuse", "verify": True},
    plan_hash="p1",
    started=1_700_000_000.5,
)
RECORDED = TargetSetup("a1", "/data/app.db", STATE, "p1")
COPY = Step("00002 copy person", "copy", "person")

HOLDS_THE_LOCK = """
import sys, time
from pathlib import Path
from migration.running.journal_lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_journal_gives_back_what_was_pinned(tmp_path: Path) -> None:
    with new_journal(tmp_path / "j", SETUP) as journal:
        assert journal.setup == SETUP
    with existing_journal(tmp_path / "j") as again:
        assert again is not None
        assert again.setup == SETUP


def test_where_no_journal_is_none_is_found(tmp_path: Path) -> None:
    with existing_journal(tmp_path / "j") as journal:
        assert journal is None
    assert not (tmp_path / "j").exists()


def test_a_step_is_started_then_done_with_its_outcome(tmp_path: Path) -> None:
    with new_journal(tmp_path / "j", SETUP) as journal:
        journal.begin(COPY, 1)
        assert journal.steps()[COPY.id].state == "started"
        journal.end(COPY, Outcome("done", {"rows": 5}))
        record = journal.steps()[COPY.id]
    assert (record.state, record.outcome) == ("done", {"rows": 5})
    assert record.finished is not None
    assert record.finished >= record.started


def test_starting_over_forgets_the_steps_and_pins_anew(tmp_path: Path) -> None:
    with new_journal(tmp_path / "j", SETUP) as journal:
        journal.begin(COPY, 1)
        journal.start_over(replace(SETUP, plan_hash="p2"))
        assert journal.steps() == {}
        assert journal.setup.plan_hash == "p2"


def test_a_finished_journal_keeps_its_report(tmp_path: Path) -> None:
    with new_journal(tmp_path / "j", SETUP) as journal:
        assert journal.setup.report is None
        journal.finish({"rows": 3})
        assert journal.setup.report == {"rows": 3}
        assert journal.setup.finished is not None


def test_the_journal_lies_beside_the_file_itself_also_behind_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "app.db").touch()
    (tmp_path / "link.db").symlink_to(tmp_path / "real" / "app.db")
    assert default_journal(tmp_path / "link.db") == (tmp_path / "real" / "app.db.outgrow-journal").resolve()


def test_another_file_in_the_journals_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello " * 100)
    with closing(sqlite3.connect(tmp_path / "database")) as other, other:
        other.execute("CREATE TABLE a (b)")
    for name in ("text", "database"):
        before = (tmp_path / name).read_bytes()
        with pytest.raises(JournalRefusedError) as caught, existing_journal(tmp_path / name):
            pass
        assert caught.value.exit_code is ExitCode.WRONG_USAGE
        assert (tmp_path / name).read_bytes() == before


def test_a_journal_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    with new_journal(tmp_path / "j", SETUP):
        pass
    with closing(sqlite3.connect(tmp_path / "j")) as raw:
        raw.execute("PRAGMA user_version = 99")
    with pytest.raises(JournalRefusedError, match="newer"), existing_journal(tmp_path / "j"):
        pass


def test_a_second_process_is_refused_and_told_the_owners_pid(tmp_path: Path) -> None:
    path = tmp_path / "j"
    holder = subprocess.Popen([sys.executable, "-c", HOLDS_THE_LOCK, path], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(AlreadyRunningError, match=f"process {holder.pid} on "), locked(path):
            pass
    finally:
        holder.kill()
        holder.communicate()
    with locked(path):  # the owner is dead: its lock is taken over
        assert f'"pid": {holder.pid}' not in (tmp_path / "j.lock").read_text()
    assert not (tmp_path / "j.lock").exists()


def test_a_folder_that_cannot_be_written_asks_for_another_place(tmp_path: Path) -> None:
    with pytest.raises(JournalRefusedError) as caught, locked(tmp_path / "no such folder" / "j"):
        pass
    assert "--journal" in caught.value.next_step


@pytest.mark.parametrize(
    ("now", "named"),
    [
        (replace(SETUP, source=Path("/data/other.db")), "/data/other.db"),
        (replace(SETUP, target=replace(TARGET, database_oid=9)), "the target was"),
        (replace(SETUP, target=replace(TARGET, system="8")), "the target was"),
        (replace(SETUP, schema="shop"), "the schema was public, now shop"),
        (
            replace(SETUP, options={**SETUP.options, "nul_policy": "strip"}),
            "nul-policy was refuse, now strip",
        ),
    ],
)
def test_a_run_that_differs_from_its_journal_is_refused_and_told_how(now: Setup, named: str) -> None:
    with pytest.raises(JournalRefusedError, match=named):
        refuse_other(Path("j"), SETUP, now)


def test_the_same_database_at_another_address_is_no_difference() -> None:
    refuse_other(Path("j"), SETUP, replace(SETUP, target=replace(TARGET, host="/tmp/socket", port=5555)))


def test_without_the_systems_own_name_the_address_decides() -> None:
    here = replace(TARGET, system=None)
    assert here.same_database(here)
    assert not here.same_database(replace(here, port=1))


def record(kind: str, state: str) -> dict[str, StepRecord]:
    return {"x": StepRecord("x", kind, "x", state, 0.0, None, {})}  # type: ignore[arg-type]


def test_how_a_run_begins() -> None:
    changed = replace(SETUP, source_state=replace(STATE, change_counter=8), plan_hash="p2")
    assert decide(None, {}, None, SETUP) == "fresh"
    assert decide(SETUP, {}, None, SETUP) == "fresh"
    assert decide(SETUP, record("create", "started"), None, SETUP) == "fresh"
    assert decide(SETUP, {}, RECORDED, SETUP) == "resume"
    assert decide(SETUP, {}, RECORDED, changed) == "start over"
    assert decide(SETUP, record("finish", "started"), None, SETUP) == "conclude"


def test_a_target_with_another_journals_migration_is_refused() -> None:
    other = replace(RECORDED, journal="b2", source="/data/lost.db")
    for pinned in (None, SETUP):
        with pytest.raises(TargetRefusedError, match=r"/data/lost\.db"):
            decide(pinned, {}, other, SETUP)


def test_a_target_that_lost_what_the_journal_remembers_is_refused() -> None:
    with pytest.raises(TargetRefusedError, match="no longer holds"):
        decide(SETUP, record("create", "done"), None, SETUP)


def test_an_unchanged_source_that_is_planned_differently_is_refused() -> None:
    with pytest.raises(JournalRefusedError, match="planned differently"):
        decide(SETUP, {}, RECORDED, replace(SETUP, plan_hash="p2", tool="0.2.0"))


def test_a_journal_that_cannot_be_written_any_more_says_so(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with new_journal(path, SETUP) as journal, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        journal._connection.execute("PRAGMA busy_timeout = 10")
        with pytest.raises(JournalFailedError, match="cannot be written") as caught:
            journal.begin(COPY, 1)
    assert caught.value.exit_code is ExitCode.FAILED
