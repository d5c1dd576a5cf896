"""A gate that says no, or not yet, changes nothing but the journal."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from migration.promotion import overview
from migration.promotion import promote as promotions
from migration.promotion.assessment_source import from_file
from migration.promotion.errors import StaleApprovalError
from migration.promotion.gates import GateResult, Verdict
from migration.promotion.policy import GatePolicy
from migration.promotion.record import State

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def nothing_changes(scene: Any) -> Iterator[None]:
    before = scene.source.read_bytes()
    yield
    assert scene.source.read_bytes() == before
    assert not scene.state.exists()
    assert not scene.fenced
    assert not (scene.folder / "switches").exists()


def closed(results: tuple[GateResult, ...]) -> dict[str, Verdict]:
    return {result.gate: result.verdict for result in results if result.verdict is not Verdict.ALLOW}


def test_without_an_assessment_the_gate_defers(scene: Any) -> None:
    with nothing_changes(scene):
        report = scene.promote(policy=GatePolicy(approve_as="Ada"))
    assert report.state is State.PROPOSED
    assert closed(report.gates) == {"sustained threshold": Verdict.DEFER}
    assert scene.tables_in_postgres() == []


def test_a_stale_assessment_defers(scene: Any) -> None:
    path = scene.folder / "assessment.json"
    path.write_text('{"phase": "phase-1", "decision": "urgent", "taken_at": 1e9, "held": {"seconds": 900}}')
    with nothing_changes(scene):
        report = scene.promote(policy=replace(scene.policy, read_assessment=lambda: from_file(path)))
    assert closed(report.gates) == {"sustained threshold": Verdict.DEFER}


def test_an_unapproved_plan_waits_and_goes_on_once_it_is_approved(scene: Any) -> None:
    policy = replace(scene.policy, approve_as=None)
    with nothing_changes(scene):
        report = scene.promote(policy=policy)
    assert closed(report.gates) == {"approval": Verdict.DEFER}
    promotions.approve(scene.journal, by="Grace", plan_hash=report.plan_hash)
    assert scene.promote(policy=policy).state is State.FINISHED
    scene.shop.end()
    scene.assert_promoted()


def test_an_approval_survives_new_rows_but_not_a_new_column(scene: Any) -> None:
    policy = replace(scene.policy, approve_as=None, read_assessment=GatePolicy().read_assessment)
    first = scene.promote(policy=policy)
    promotions.approve(scene.journal, by="Grace")
    with contextlib.closing(sqlite3.connect(scene.source)) as connection:
        connection.execute("INSERT INTO customers (email) VALUES ('late@shop.example')")
        connection.commit()
        assert "approval" not in closed(scene.promote(policy=policy).gates)
        connection.execute("ALTER TABLE customers ADD COLUMN phone TEXT")
    with nothing_changes(scene):
        report = scene.promote(policy=policy)
    approval = next(gate for gate in report.gates if gate.gate == "approval")
    assert approval.verdict is Verdict.DENY
    assert first.plan_hash in approval.reason
    assert report.plan_hash in approval.reason
    with pytest.raises(StaleApprovalError, match="another plan"):
        promotions.approve(scene.journal, by="Grace", plan_hash=first.plan_hash)


def test_a_plan_over_budget_is_denied_until_someone_takes_the_cost_on(scene: Any) -> None:
    plan = scene.plan()
    plan = replace(plan, infra=replace(plan.infra, budget_max=10.0))
    with nothing_changes(scene):
        report = scene.promote(plan)
    assert closed(report.gates) == {"budget": Verdict.DENY}
    denied = next(gate for gate in report.gates if gate.gate == "budget")
    assert (denied.limit, denied.measured) == ("$10.00 a month", f"${plan.infra.monthly_cost:,.2f} a month")
    assert scene.promote(plan, policy=replace(scene.policy, accept_cost="Linus")).state is State.FINISHED
    from migration.promotion.journal import Journal

    with Journal.open(scene.journal) as journal:
        accepted = [entry for entry in journal.audit() if entry.what == "accepted"]
    assert [(entry.who, entry.detail["limit"]) for entry in accepted] == [("Linus", "$10.00 a month")]


def test_a_target_that_holds_something_is_denied(scene: Any) -> None:
    with psycopg.connect(scene.dsn) as connection:
        connection.execute("CREATE TABLE precious (id int)")
    with nothing_changes(scene):
        report = scene.promote()
    assert closed(report.gates) == {"target": Verdict.DENY}
    assert scene.tables_in_postgres() == ["public.precious"]


def test_a_target_that_does_not_answer_is_denied_without_showing_its_password(scene: Any) -> None:
    scene.dsn = "postgresql://app:s3cret-word@127.0.0.1:9/shop"
    with nothing_changes(scene):
        report = scene.promote()
    assert closed(report.gates) == {"target": Verdict.DENY}
    assert b"s3cret-word" not in scene.journal.read_bytes()


def test_a_file_that_cannot_be_written_is_denied(scene: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.access  # root may write anywhere, so real permissions would prove nothing in CI
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and real(path, mode))
    with nothing_changes(scene):
        report = scene.promote()
    assert closed(report.gates) == {"source": Verdict.DENY}


def test_a_value_that_postgresql_cannot_store_is_denied_and_named(scene: Any) -> None:
    with contextlib.closing(sqlite3.connect(scene.source)) as connection:
        connection.execute("UPDATE events SET body = 'a' || char(0) || 'b' WHERE n = 7")
        connection.commit()
    with nothing_changes(scene):
        report = scene.promote()
    values = next(gate for gate in report.gates if gate.gate == "values")
    assert values.verdict is Verdict.DENY
    assert "events.body" in values.measured


def test_a_dry_look_does_not_even_make_a_journal(scene: Any) -> None:
    with nothing_changes(scene):
        results = overview.look(scene.plan(), scene.policy, scene.journal, scene.dsn)
    assert closed(results) == {}
    assert not scene.journal.exists()
    assert scene.tables_in_postgres() == []
