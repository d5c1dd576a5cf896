"""The demo's story, act by act: a real shop outgrows SQLite and is promoted to PostgreSQL.

Everything shown is measured while it happens. Two things stand in for what a laptop does not have, and say
so: the rehearsal runner for the cloud, and a local PostgreSQL for the managed database.
"""

from __future__ import annotations

import socket
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from examples.applications import Rows, choose
from examples.demo.artefacts import Artefacts
from examples.demo.climb import SUSTAINED, Look, climb
from examples.demo.load import Load
from examples.demo.narrator import Narrator
from examples.demo.outcome import Outcome, await_recovery, lost_orders
from examples.demo.promoted_shop import PromotedShop, fingerprint_of, start_watched
from examples.demo.scripted import run_scripts
from examples.demo.sidecar import INTERVAL, NOT_JUDGED, WINDOW, Sidecar, Watch
from infra.local_postgres import LocalPostgres
from infra.plan import build_plan
from infra.runners import make_runner
from migration.promotion.assessment_source import from_monitor
from migration.promotion.overview import look
from migration.promotion.planning import PromotionRequest, plan_promotion
from migration.promotion.policy import GatePolicy
from migration.promotion.promote import promote
from monitor.terminal import to_json

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from examples.applications import AppName, Choice, RunningShop
    from migration.promotion.progress import Notice
    from migration.promotion.report import PromotionReport

#: What the shop holds before anyone comes.
ROWS = Rows(customers=600, products=240, orders=2400)
FROM, TO = "phase-1", "phase-2"


@dataclass(frozen=True)
class Wishes:
    """What the user chose.

    `scale` multiplies the limits of load (users, size, requests, writes): a laptop cannot bring a thousand
    users, so the limits come down to it, visibly; the measurements stay what they are.
    """

    out: Path
    app: AppName = "auto"
    scale: float = 0.05


@dataclass
class Stage:
    """What the acts hand on to each other."""

    wishes: Wishes
    narrator: Narrator
    artefacts: Artefacts
    stack: ExitStack
    choice: Choice
    sidecar: Sidecar
    running: RunningShop
    load: Load
    before: dict[str, Any] = field(default_factory=dict)


def tell_story(wishes: Wishes, console: Console) -> Outcome:
    """Tell the whole story and leave its artefacts in `wishes.out`.

    Raises:
        OutgrowError: an act could not be played; what is running is stopped, the artefacts so far stay.
    """
    artefacts = Artefacts.prepare(wishes.out)
    narrator = Narrator(console)
    with ExitStack() as stack:
        stage = _open_shop(wishes, narrator, artefacts, stack)
        looks = _outgrow(stage)
        _explain(stage)
        server = _plan(stage)
        report, shop = _promote(stage, server)
        return _prove(stage, server, report, shop, looks)


def _open_shop(wishes: Wishes, narrator: Narrator, artefacts: Artefacts, stack: ExitStack) -> Stage:
    narrator.act("A shop on SQLite")
    choice = choose(wishes.app, say=narrator.say)
    narrator.say(f"The shop: [bold]{choice.shop.title}[/], because {choice.reason}.")
    choice.shop.seed(str(artefacts.database), ROWS)
    size = artefacts.database.stat().st_size / 1e6
    narrator.say(
        f"It starts with {ROWS.customers} customers, {ROWS.products} products and {ROWS.orders} orders: "
        f"{size:.1f} MB."
    )
    watch = Watch(str(artefacts.database), FROM, wishes.scale)
    sidecar = stack.enter_context(Sidecar(watch, port=free_port(), log=artefacts.log("sidecar-phase-1")))
    running = stack.enter_context(
        start_watched(choice.shop, str(artefacts.database), sidecar.url, artefacts.log("shop-sqlite"))
    )
    narrator.say(f"The shop answers at {running.url}, the monitor sidecar at {sidecar.url}.")
    if wishes.scale != 1:
        narrator.say(
            f"[bold]The limits of load are multiplied by {wishes.scale:g}[/] (--scale), so that one machine "
            "can reach them. What is measured is measured."
        )
    narrator.say(f"Everything is judged every {INTERVAL} s over the last {WINDOW} s, not over five minutes.")
    narrator.say("CPU is not judged here: the load, the shop and the databases share this machine.")
    load = stack.enter_context(Load(running.url, customers=ROWS.customers, products=ROWS.products))
    return Stage(wishes, narrator, artefacts, stack, choice, sidecar, running, load)


def _outgrow(stage: Stage) -> tuple[Look, ...]:
    stage.narrator.act("More and more customers")
    stage.narrator.heading()
    looks, last = climb(stage.load, stage.sidecar, stage.running, stage.narrator.look)
    stage.before = last.assessment
    stage.artefacts.keep("assessment-before.json", last.assessment)
    stage.artefacts.keep("metrics-before.json", stage.sidecar.metrics())
    (stage.artefacts.folder / "metrics-before.prom").write_text(stage.sidecar.exposition())
    return looks


def _explain(stage: Stage) -> None:
    stage.narrator.act("What the monitor says, and why")
    stage.narrator.judgement(stage.before)


def _plan(stage: Stage) -> LocalPostgres:
    stage.narrator.act("The next phase, planned offline")
    plan = build_plan(TO, from_phase=FROM)
    stage.artefacts.keep("plan.json", plan)
    verdict = "within" if plan.within_budget else "OVER"
    stage.narrator.say(
        f"{TO} is {len(plan.resources)} resources for {plan.monthly_cost.total:,.2f} USD a month: "
        f"{verdict} its budget of {plan.budget.min:,.0f} to {plan.budget.max:,.0f}."
    )
    stage.narrator.say("[dim]Evaluated by the real Pulumi program; no cloud account, nothing deployed.[/]")
    server = stage.stack.enter_context(LocalPostgres())
    stage.narrator.say("A real PostgreSQL 18 started: it stands in for the phase's managed database.")
    return server


def _promote(stage: Stage, server: LocalPostgres) -> tuple[PromotionReport, PromotedShop]:
    stage.narrator.act(f"Promotion from {FROM} to {TO}, while customers keep coming")
    dsn = server.create_database("shop")
    plan = plan_promotion(PromotionRequest(to_phase=TO, source=stage.artefacts.database, dsn=dsn))
    stage.narrator.say(
        f"The plan: {len(plan.migration.tables)} tables, {plan.migration.rows:,} rows, "
        f"{len(plan.steps)} steps; its hash is {plan.hash[:12]}, and the approval is for exactly that."
    )
    shop = PromotedShop(
        shop=stage.choice.shop,
        running=stage.running,
        load=stage.load,
        sidecar_url=stage.sidecar.url,
        next_sidecar_port=free_port(),
        watch_after=Watch(dsn, TO, stage.wishes.scale),
        artefacts=stage.artefacts,
        stack=stage.stack,
    )
    policy = GatePolicy(
        read_assessment=lambda: from_monitor(stage.sidecar.url), sustained=SUSTAINED, approve_as="demo"
    )
    stage.narrator.gates(to_json(look(plan, policy, stage.artefacts.journal, dsn)))
    report = promote(
        plan,
        application=shop,
        runner=make_runner("rehearsal", state=stage.artefacts.state),
        journal=stage.artefacts.journal,
        dsn=dsn,
        policy=policy,
        progress=_teller(stage.narrator),
    )
    stage.artefacts.keep("promotion.json", report)
    verified = {step.name: step.outcome for step in report.steps}.get("verify", {})
    stage.artefacts.keep("verification.json", verified)
    return report, shop


def _prove(
    stage: Stage,
    server: LocalPostgres,
    report: PromotionReport,
    shop: PromotedShop,
    looks: tuple[Look, ...],
) -> Outcome:
    narrator = stage.narrator
    narrator.act("The same shop, on PostgreSQL")
    if shop.sidecar_after is None:
        raise AssertionError(report.state)
    left_behind = fingerprint_of(stage.choice.shop, str(stage.artefacts.database), stage.artefacts)
    narrator.heading()
    after = await_recovery(shop.sidecar_after, shop.running, narrator.look, looks[-1].level)
    stage.load.stop()
    stage.artefacts.keep("assessment-after.json", after)
    scripted = run_scripts(stage.artefacts, server, stage.choice.shop)
    narrator.say(
        f"The same migration as {scripted.files} files in {stage.artefacts.scripts.name}/, run by psql alone "
        f"into a second database: {'the same' if scripted.fingerprint == left_behind else 'DIFFERENT'} data."
    )
    outcome = Outcome(
        app=stage.choice.shop.name,
        app_reason=stage.choice.reason,
        scale=stage.wishes.scale,
        not_judged=NOT_JUDGED,
        scale_means="limits of users, size, requests and writes are multiplied by this; nothing measured is",
        before=stage.before,
        after=after,
        climb=tuple(
            (look.level.users, look.level.requests_per_second, look.assessment["score"]) for look in looks
        ),
        promotion=report,
        same_data=shop.arrived == left_behind,
        same_by_psql=scripted.fingerprint == left_behind,
        fingerprint=shop.arrived,
        acknowledged_orders=len(stage.load.acknowledged_orders()),
        lost_orders=lost_orders(server.dsn_of("shop"), stage.load.acknowledged_orders()),
        seconds_away=shop.seconds_away,
        tally=stage.load.tally,
        seconds=round(narrator.seconds, 1),
    )
    stage.artefacts.keep("summary.json", outcome.summary())
    narrator.outcome(outcome.summary())
    return outcome


def _teller(narrator: Narrator) -> Any:
    def tell(notice: Notice) -> None:
        narrator.step(notice.kind, notice.step, notice.text)

    return tell


def free_port() -> int:
    """A port on 127.0.0.1 that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
