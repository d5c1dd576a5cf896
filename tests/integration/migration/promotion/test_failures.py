"""A failure before the switch puts everything back; one after it goes forward, later."""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from migration.planning import PlanOptions
from migration.promotion import overview
from migration.promotion.errors import (
    PastNoReturnError,
    PromotionRunningError,
    RevertFailedError,
    StepFailedError,
    StoppedAfterSwitchError,
    WrongPromotionError,
)
from migration.promotion.planning import PromotionRequest, plan_promotion
from migration.promotion.record import State, StepState
from migration.promotion.world import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

#: Lets PostgreSQL fail in the middle of a copy, in a way that no migration could foresee.
SABOTAGE = """
CREATE FUNCTION pg_temp.nothing() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE SCHEMA sabotage;
CREATE FUNCTION sabotage.fail() RETURNS event_trigger LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION 'the disk is on fire' USING ERRCODE = 'XX001'; END $$;
CREATE EVENT TRIGGER fail ON ddl_command_end WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION sabotage.fail();
"""


@contextlib.contextmanager
def sabotage(scene: Any) -> Any:
    with psycopg.connect(scene.dsn, autocommit=True) as connection:
        connection.execute(SABOTAGE)
        yield
        connection.execute("DROP EVENT TRIGGER fail; DROP SCHEMA sabotage CASCADE")


def can_write(scene: Any) -> bool:
    """Whether the shop's writer on SQLite gets new writes acknowledged."""
    before = len(scene.shop.acknowledged())
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if len(scene.shop.acknowledged()) > before:
            return True
        time.sleep(0.02)
    return False


def test_a_failing_copy_puts_everything_back_and_the_application_writes_to_sqlite_again(scene: Any) -> None:
    scene.shop.start(str(scene.source))
    before = len(scene.in_sqlite())
    with (
        sabotage(scene),
        pytest.raises(StepFailedError, match="step copy failed; everything was put back") as caught,
    ):
        scene.promote()
    assert "the disk is on fire" in caught.value.why
    assert scene.shop.runs_on == str(scene.source)
    assert can_write(scene)
    scene.shop.end()
    scene.assert_untouched()
    assert len(scene.in_sqlite()) > before
    assert {row[:2] for row in scene.in_sqlite()} >= scene.shop.acknowledged()
    report = overview.status(scene.journal)
    assert report.state is State.REVERTED
    assert [step.name for step in report.steps if step.state is StepState.REVERTED] == [
        "provision", "prepare", "stop", "fence", "copy",
    ]  # fmt: skip


def test_after_a_revert_the_promotion_can_be_started_again(scene: Any) -> None:
    with sabotage(scene), pytest.raises(StepFailedError):
        scene.promote()
    assert scene.promote().state is State.FINISHED
    scene.shop.end()
    scene.assert_promoted()


def test_a_failing_revert_tells_both_errors_and_an_abort_tries_again(scene: Any) -> None:
    (scene.folder / "cannot-restore").touch()
    with (
        sabotage(scene),
        pytest.raises(RevertFailedError, match="not everything could be put back") as caught,
    ):
        scene.promote()
    assert "the disk is on fire" in caught.value.why
    assert "the shop cannot be started again" in caught.value.why
    assert "outgrow promote abort" in caught.value.next_step
    scene.assert_untouched()
    assert overview.status(scene.journal).state is State.REVERTING

    (scene.folder / "cannot-restore").unlink()
    assert scene.abort().state is State.REVERTED
    assert can_write(scene)


def test_a_failing_stack_stops_the_promotion_before_the_application_is_touched(scene: Any) -> None:
    scene.shop.start(str(scene.source))
    runner = scene.runner(fail_at=lambda change: change.type.startswith("aws:"))
    with pytest.raises(StepFailedError, match="step provision failed"):
        scene.promote(runner=runner)
    assert can_write(scene)
    scene.assert_untouched()


def test_a_stack_that_this_promotion_made_and_nothing_protects_is_destroyed_by_the_revert(
    make_scene: Callable[..., Any], stack: Any
) -> None:
    graph = dataclasses.replace(
        stack.part,
        resources=tuple(dataclasses.replace(one, protect=False) for one in stack.part.resources),
    )
    scene = make_scene(graph=graph)
    plan = scene.plan()
    plan = dataclasses.replace(plan, infra=dataclasses.replace(plan.infra, protected=()))
    with sabotage(scene), pytest.raises(StepFailedError):
        scene.promote(plan)
    from infra.runners.rehearsal_state import read_state

    assert read_state(scene.state).stack("phase-2").resources == {}


def test_a_stack_with_protected_resources_is_kept_by_the_revert_and_named(scene: Any) -> None:
    with sabotage(scene), pytest.raises(StepFailedError):
        scene.promote()
    provision = next(step for step in overview.status(scene.journal).steps if step.name == "provision")
    assert "are protected" in provision.outcome["reverted"]
    assert "outgrow infra destroy phase-2" in provision.outcome["reverted"]


def test_a_stack_that_was_there_before_is_kept_by_the_revert(
    make_scene: Callable[..., Any], stack: Any
) -> None:
    graph = dataclasses.replace(
        stack.part,
        resources=tuple(dataclasses.replace(one, protect=False) for one in stack.part.resources),
    )
    scene = make_scene(graph=graph)
    scene.runner().up("phase-2")
    plan = scene.plan()
    plan = dataclasses.replace(plan, infra=dataclasses.replace(plan.infra, protected=()))
    before = scene.state.read_bytes()
    with sabotage(scene), pytest.raises(StepFailedError):
        scene.promote(plan)
    assert scene.state.read_bytes() == before


def test_a_table_rebuilt_behind_the_fence_is_noticed_and_its_row_is_kept(scene: Any) -> None:
    """An ORM that synchronises its schema drops the fence's triggers with the table that it replaces."""

    def rebuild(notice: Any) -> None:
        if (notice.kind, notice.step) == ("done", "copy"):
            with contextlib.closing(sqlite3.connect(scene.source)) as connection:
                connection.executescript(
                    "CREATE TABLE new_customers (id INTEGER PRIMARY KEY AUTOINCREMENT, email TEXT NOT NULL"
                    " UNIQUE, created_at datetime NOT NULL DEFAULT (datetime('now')));"
                    "INSERT INTO new_customers SELECT * FROM customers; DROP TABLE customers;"
                    "ALTER TABLE new_customers RENAME TO customers;"
                    "INSERT INTO customers (email) VALUES ('slipped@through.example');"
                )

    with pytest.raises(StepFailedError, match="step verify failed"):
        scene.promote(progress=rebuild)
    scene.assert_untouched()
    with contextlib.closing(sqlite3.connect(scene.source)) as connection:
        found = connection.execute("SELECT count(*) FROM customers WHERE email LIKE 'slipped%'").fetchone()
    assert found == (1,)


def test_an_application_that_is_not_healthy_after_the_switch_goes_forward_with_resume(scene: Any) -> None:
    (scene.folder / "broken").touch()
    with pytest.raises(
        StoppedAfterSwitchError, match="step health failed after the point of no return"
    ) as caught:
        scene.promote(limits=Limits(health=0.5, poll=0.05))
    assert "not healthy within" in caught.value.why
    assert "outgrow promote resume" in caught.value.next_step
    assert scene.fenced
    assert overview.status(scene.journal).state is State.STOPPED
    with pytest.raises(PastNoReturnError, match="cannot be aborted any more"):
        scene.abort()

    (scene.folder / "broken").unlink()
    assert scene.resume(limits=Limits()).state is State.FINISHED
    assert (scene.folder / "switches").read_text() == "switch\nswitch\n"
    scene.shop.end()
    scene.assert_promoted()


def test_a_resume_with_another_target_is_refused(scene: Any, postgres: Any) -> None:
    (scene.folder / "broken").touch()
    with pytest.raises(StoppedAfterSwitchError):
        scene.promote(limits=Limits(health=0.1, poll=0.05))
    other = postgres.create_database("other_target")
    try:
        with pytest.raises(WrongPromotionError, match="another one than the promotion was started with"):
            scene.resume(dsn=other)
        with pytest.raises(WrongPromotionError, match="has to be given again"):
            scene.resume(dsn=None)
    finally:
        postgres.drop_database("other_target")


def test_a_resume_never_makes_another_stack_than_the_one_that_was_approved(scene: Any) -> None:
    process = scene.process("promote")
    while not process.stdout.readline().startswith("begun provision"):
        assert process.poll() is None
    process.kill()
    process.communicate()
    with pytest.raises(WrongPromotionError, match="has changed since the plan was approved"):
        scene.resume(stack_hash=lambda: "f" * 64)
    assert scene.resume(stack_hash=lambda: scene.stack.plan.hash).state is State.FINISHED


def test_a_schema_that_this_promotion_made_is_dropped_by_the_revert(scene: Any) -> None:
    with psycopg.connect(scene.dsn) as connection:
        schemas = "SELECT count(*) FROM pg_namespace WHERE nspname = 'shop'"
        plan = plan_promotion(
            PromotionRequest("phase-2", scene.source, scene.dsn, migration=PlanOptions(schema="shop")),
            lambda _: scene.stack.plan,
        )
        with sabotage(scene), pytest.raises(StepFailedError, match="step copy failed"):
            scene.promote(plan)
        assert connection.execute(schemas).fetchone() == (0,)


def test_another_journal_does_not_let_a_second_promotion_of_the_same_file_begin(scene: Any) -> None:
    seen = []

    def begin_another(notice: Any) -> None:
        if (notice.kind, notice.step) == ("begun", "stop"):
            with pytest.raises(PromotionRunningError, match="with another journal"):
                scene.promote(journal=scene.folder / "second-journal", progress=lambda _: None)
            seen.append(notice)

    assert scene.promote(progress=begin_another).state is State.FINISHED
    assert seen


def test_two_promotions_at_once_are_refused_by_name_of_the_first(scene: Any) -> None:
    process = scene.process("promote")
    try:
        assert process.stdout is not None
        while not process.stdout.readline().startswith("begun provision"):
            assert process.poll() is None
        with pytest.raises(PromotionRunningError) as caught:
            scene.promote()
        assert f"process {process.pid} on" in caught.value.why
        with pytest.raises(PromotionRunningError):
            scene.abort()
        assert "state finished" in process.stdout.read()
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()
    scene.shop.end()
    scene.assert_promoted()
