"""A plan's hash covers what will be done, and only that."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from migration.promotion.plan import (
    InfraSummary,
    MigrationSummary,
    PlannedNote,
    PlannedStep,
    PlannedTable,
    PromotionPlan,
)

PLAN = PromotionPlan(
    from_phase="phase-1",
    to_phase="phase-2",
    source="/data/app.db",
    target="postgresql://db.example/shop",
    runner="rehearsal",
    rehearsal=True,
    infra=InfraSummary("c" * 64, 40, ("urn:db",), (), 680.0, 300.0, 800.0),
    migration=MigrationSummary(
        "public",
        (PlannedTable("users", 3), PlannedTable("orders", 5)),
        (PlannedNote("widened", "users.age", "3 values need bigint"), PlannedNote("left", "search", "FTS5")),
        (),
        "d" * 64,
        {"schema": "public"},
    ),
    application={"switch": "systemctl start shop"},
    steps=(PlannedStep("copy", "move the rows", "drop them"), PlannedStep("switch", "start", "", True)),
)


def test_a_plan_survives_json_and_keeps_its_hash() -> None:
    again = PromotionPlan.from_json(json.loads(json.dumps(PLAN.to_json())))
    assert again == PLAN
    assert again.hash == PLAN.hash


def test_the_hash_is_stable_across_processes_and_versions_of_the_order_of_keys() -> None:
    reordered = PromotionPlan.from_json(dict(reversed(PLAN.to_json().items())))
    assert reordered.hash == PLAN.hash
    assert len(PLAN.hash) == 64


@pytest.mark.parametrize(
    "change",
    [
        {"to_phase": "phase-3"},
        {"source": "/data/other.db"},
        {"target": "postgresql://db.example/other"},
        {"target": None},
        {"runner": "pulumi"},
        {"rehearsal": False},
        {"infra": replace(PLAN.infra, plan_hash="e" * 64)},
        {"infra": replace(PLAN.infra, monthly_cost=681.0)},
        {"infra": replace(PLAN.infra, unpriced=("aws:new/thing:Thing",))},
        {"infra": replace(PLAN.infra, budget_max=900.0)},
        {"migration": replace(PLAN.migration, statements="e" * 64)},
        {"migration": replace(PLAN.migration, schema="shop")},
        {"migration": replace(PLAN.migration, tables=PLAN.migration.tables[:1])},
        {"migration": replace(PLAN.migration, notes=PLAN.migration.notes[:1])},
        {"application": {"switch": "systemctl start other"}},
        {"steps": PLAN.steps[:1]},
    ],
)
def test_whatever_would_be_done_otherwise_changes_the_hash(change: dict[str, Any]) -> None:
    assert replace(PLAN, **change).hash != PLAN.hash


def test_rows_written_meanwhile_do_not_make_an_approval_stale() -> None:
    grown = replace(
        PLAN.migration,
        tables=(PlannedTable("users", 4), PlannedTable("orders", 500)),
        notes=(
            replace(PLAN.migration.notes[0], text="4 values need bigint"),
            PLAN.migration.notes[1],
            PlannedNote("info", "users.age", "the oldest is 99"),
        ),
    )
    assert replace(PLAN, migration=grown).hash == PLAN.hash


def test_what_is_left_and_how_many_rows_move_is_said() -> None:
    assert PLAN.migration.rows == 8
    assert [note.object for note in PLAN.migration.left] == ["search"]
