"""A promotion from its gates to its end, on a real PostgreSQL with a real application."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Any

import psycopg

from migration.promotion import overview
from migration.promotion.gates import Verdict
from migration.promotion.record import State, StepState

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_promotion_moves_everything_and_ends_with_the_application_on_postgresql(
    make_scene: Callable[..., Any], stack: Any
) -> None:
    scene = make_scene(graph=stack.graph)
    scene.shop.start(str(scene.source))
    report = scene.promote()
    assert report.state is State.FINISHED
    assert {step.state for step in report.steps} == {StepState.DONE}
    assert scene.shop.runs_on == scene.dsn
    scene.shop.end()
    scene.assert_promoted()
    assert stat.S_IMODE(scene.source.stat().st_mode) & 0o222 == 0
    assert report.audit.whole
    outcome = {step.name: step.outcome for step in report.steps}
    assert outcome["provision"]["changes"] == {"create": report.plan["infra"]["resources"]}
    assert outcome["copy"]["rows"] == len(scene.in_sqlite()) + 50


def test_an_application_that_does_not_stop_loses_nothing_to_the_fence(make_scene: Callable[..., Any]) -> None:
    scene = make_scene(stops=False)
    scene.shop.start(str(scene.source))
    assert scene.promote().state is State.FINISHED
    scene.shop.end()
    scene.assert_promoted()
    assert (scene.folder / "told").read_text() == "this database has moved to PostgreSQL"
    assert len(scene.shop.acknowledged()) > 1


def test_a_second_promotion_of_a_promoted_file_is_denied_and_changes_nothing(scene: Any) -> None:
    scene.promote()
    rows = scene.in_postgres()
    report = scene.promote()
    verdicts = {gate.gate: gate.verdict for gate in report.gates}
    assert report.state is State.PROPOSED
    assert verdicts["source"] is Verdict.DENY
    assert verdicts["target"] is Verdict.DENY
    scene.shop.end()
    assert [row for row in scene.in_postgres() if row in set(rows)] == rows


def test_resuming_a_finished_promotion_changes_nothing_and_says_so(scene: Any) -> None:
    scene.promote()
    entries = overview.status(scene.journal).audit.entries
    report = scene.resume()
    assert report.state is State.FINISHED
    assert report.audit.entries == entries


def test_the_sequences_go_on_behind_the_last_row(scene: Any) -> None:
    scene.promote()
    scene.shop.end()
    with psycopg.connect(scene.dsn) as connection:
        (largest,) = connection.execute("SELECT max(id) FROM customers").fetchone()
        (new,) = connection.execute(
            "INSERT INTO customers (email) VALUES ('new@shop.example') RETURNING id"
        ).fetchone()
    assert new > largest
