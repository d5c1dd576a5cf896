"""The journal: what is written stays, in one piece, for one process at a time."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from migration.promotion.errors import NoPromotionError, PromotionRunningError, TamperedJournalError
from migration.promotion.journal import Journal
from migration.promotion.lease import this_process
from migration.promotion.record import PromotionRecord, State, StepState
from migration.promotion.tampering import find_tampering, refuse_tampering

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STEPS = ("provision", "copy", "switch")


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.create_or_open(tmp_path / "promotion.outgrow-journal") as opened:
        yield opened


def propose(journal: Journal, plan_hash: str = "a" * 64) -> PromotionRecord:
    return journal.propose(
        plan={"tables": ["users"], "cost": 680.5},
        plan_hash=plan_hash,
        source="/data/app.db",
        target="postgresql://db.example/shop",
        runner="rehearsal",
        options={"schema": "public"},
        steps=STEPS,
    )


def edit(journal: Journal, *statements: str) -> None:
    """Change the file the way a person with the sqlite3 program would."""
    with closing(sqlite3.connect(journal.path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def test_what_was_proposed_is_read_back_as_it_was(journal: Journal) -> None:
    record = propose(journal)
    assert journal.latest() == record
    assert [step.state for step in record.steps] == [StepState.PENDING] * 3


def test_proposing_the_same_again_keeps_the_promotion_and_its_approvals(journal: Journal) -> None:
    record = propose(journal)
    journal.approve("Ada", record.plan_hash, "looked at it")
    assert propose(journal).id == record.id
    assert [approval.by for approval in journal.approvals()] == ["Ada"]


def test_another_plan_takes_the_place_of_one_that_has_not_begun(journal: Journal) -> None:
    first = propose(journal)
    second = propose(journal, "b" * 64)
    assert second.id != first.id
    assert State.SUPERSEDED.value in [entry.what for entry in journal.audit() if entry.promotion == first.id]


@pytest.mark.parametrize("state", [State.RUNNING, State.REVERTING, State.STOPPED])
def test_nothing_new_is_proposed_while_a_promotion_is_under_way(journal: Journal, state: State) -> None:
    journal.set_state(propose(journal).id, state)
    with pytest.raises(PromotionRunningError, match="has begun and not ended"):
        propose(journal, "b" * 64)


@pytest.mark.parametrize("end", [State.REVERTED, State.FINISHED])
def test_an_approval_is_used_up_when_its_promotion_ends(journal: Journal, end: State) -> None:
    record = propose(journal)
    journal.approve("Ada", record.plan_hash, "")
    journal.set_state(record.id, State.RUNNING)
    assert journal.approvals()
    journal.set_state(record.id, end)
    assert journal.approvals() == ()


def test_a_step_row_survives_closing_with_its_intent_and_outcome(journal: Journal) -> None:
    record = propose(journal)
    step = replace(record.step("copy"), state=StepState.BEGUN, attempts=1, intent={"rows": 3})
    step = journal.write_step(record.id, step)
    journal.write_step(record.id, replace(step, state=StepState.DONE, outcome={"copied": 3}))
    with Journal.open(journal.path) as again:
        latest = again.latest()
    assert latest is not None
    found = latest.step("copy")
    assert (found.state, found.intent, found.outcome) == (StepState.DONE, {"rows": 3}, {"copied": 3})
    assert found.started_at <= found.ended_at


def test_an_untouched_journal_shows_no_tampering(journal: Journal) -> None:
    record = propose(journal)
    journal.note("outgrow", "gate budget", "cheap enough", {"measured": "680.00", "tuple": (1, 2)})
    journal.set_state(record.id, State.RUNNING)
    journal.write_step(record.id, replace(record.step("copy"), state=StepState.BEGUN, attempts=1))
    assert find_tampering(journal) is None


@pytest.mark.parametrize(
    ("statements", "told"),
    [
        (
            ["DROP TRIGGER audit_is_never_changed", "UPDATE audit SET who = 'Eve' WHERE sequence = 2"],
            "entry 2",
        ),
        (["DROP TRIGGER audit_is_never_cut", "DELETE FROM audit WHERE sequence = 2"], "entry 2"),
        (["DROP TRIGGER audit_is_never_cut", "DELETE FROM audit WHERE sequence = 4"], "at the end"),
        (["UPDATE promotion SET target = 'postgresql://evil/db'"], "setup row"),
        (["UPDATE promotion SET options = '{}'"], "setup row"),
        (["UPDATE promotion SET state = 'finished'"], "state of promotion"),
        (["UPDATE step SET state = 'done' WHERE name = 'copy'"], "row of step copy"),
        (["UPDATE step SET state = 'done' WHERE name = 'switch'"], "row of step switch"),
    ],
)
def test_every_edit_around_outgrow_is_found(journal: Journal, statements: list[str], told: str) -> None:
    record = propose(journal)
    journal.approve("Ada", record.plan_hash, "")
    journal.set_state(record.id, State.RUNNING)
    journal.write_step(record.id, replace(record.step("copy"), state=StepState.BEGUN, attempts=1))
    assert find_tampering(journal) is None
    edit(journal, *statements)
    assert told in (find_tampering(journal) or "")
    with pytest.raises(TamperedJournalError, match="changed by something other"):
        refuse_tampering(journal)


def test_the_audit_refuses_changes_by_itself(journal: Journal) -> None:
    propose(journal)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        edit(journal, "UPDATE audit SET who = 'Eve'")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        edit(journal, "DELETE FROM audit")


def test_only_one_holds_the_lease(journal: Journal) -> None:
    with journal.lease(), Journal.open(journal.path) as other:
        with pytest.raises(PromotionRunningError, match="already being carried out"), other.lease():
            pass
        assert other.holder() == (this_process(), True)
    assert journal.holder() is None


def test_the_lease_of_a_killed_process_is_taken_over_and_told(journal: Journal) -> None:
    code = (
        "import os, sys, time, pathlib\n"
        "from migration.promotion.journal import Journal\n"
        "with Journal.open(pathlib.Path(sys.argv[1])) as journal, journal.lease():\n"
        "    print('held', flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(journal.path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(PromotionRunningError, match="already"), journal.lease():
            pass
        holder.kill()
        holder.wait(10)
    with journal.lease():
        assert journal.holder() == (this_process(), True)
    assert [entry.what for entry in journal.audit()] == ["lease taken over"]


def test_a_holder_on_another_host_is_believed_unless_told_otherwise(journal: Journal) -> None:
    edit(journal, f"INSERT INTO lease VALUES (1, 'elsewhere', {os.getpid()}, {time.time()}, 'then')")
    with pytest.raises(PromotionRunningError) as caught, journal.lease():
        pass
    assert "--take-over" in caught.value.next_step
    with journal.lease(take_over=True):
        assert journal.holder() == (this_process(), True)


def test_a_file_that_is_no_journal_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE users (id)")
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(NoPromotionError, match="is not a promotion journal"):
        Journal.create_or_open(path)
    path_of_text = tmp_path / "notes.txt"
    path_of_text.write_text("hello" * 200)
    with pytest.raises(NoPromotionError, match="is not a promotion journal"):
        Journal.open(path_of_text)
    assert path.read_bytes() == before


def test_a_missing_journal_is_not_made_by_reading(tmp_path: Path) -> None:
    with pytest.raises(NoPromotionError, match="there is no promotion journal"):
        Journal.open(tmp_path / "none")
    assert not (tmp_path / "none").exists()
