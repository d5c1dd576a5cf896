"""What the demo found in the end, and whether that is what Outgrow promises."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from examples.demo.climb import Look
from examples.demo.sidecar import WINDOW
from migration.promotion.record import State
from monitor.terminal import to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from examples.applications import RunningShop
    from examples.demo.load import Level, Tally
    from examples.demo.sidecar import Sidecar
    from migration.promotion.report import PromotionReport

#: Longest wait, in seconds, for an assessment that rests on a full window after the switch.
RECOVERY = 45.0


@dataclass(frozen=True)
class Outcome:
    """Everything that was found. `promises` says which of them held."""

    app: str
    app_reason: str
    scale: float
    scale_means: str
    not_judged: str
    before: dict[str, Any]
    after: dict[str, Any]
    climb: tuple[tuple[int, float, float | None], ...]
    promotion: PromotionReport
    same_data: bool
    same_by_psql: bool
    fingerprint: dict[str, Any]
    acknowledged_orders: int
    lost_orders: int
    seconds_away: float | None
    tally: Tally
    seconds: float

    @property
    def promises(self) -> dict[str, bool]:
        """What the demo set out to show, and whether it did."""
        return {
            "the limit was reached under real load": self.before["decision"] == "urgent",
            "the promotion finished": self.promotion.state is State.FINISHED,
            "the shop answers with the same data on PostgreSQL": self.same_data,
            "the generated scripts, run by psql alone, give that data too": self.same_by_psql,
            "no acknowledged order was lost": self.acknowledged_orders > 0 and self.lost_orders == 0,
            "the decision is back to stay": self.after["decision"] == "stay",
            "the score recovered": _score(self.after) > _score(self.before),
        }

    @property
    def kept(self) -> bool:
        """Whether every promise held."""
        return all(self.promises.values())

    def summary(self) -> dict[str, Any]:
        """The whole in JSON, for summary.json."""
        plan = self.promotion.plan
        return {
            "app": self.app,
            "app_reason": self.app_reason,
            "scale": self.scale,
            "scale_means": self.scale_means,
            "not_judged": self.not_judged,
            "before": _judgement(self.before),
            "after": _judgement(self.after),
            "climb": [
                {"users": users, "requests_per_second": rate, "score": score}
                for users, rate, score in self.climb
            ],
            "promotion": {
                "state": self.promotion.state.value,
                "runner": self.promotion.runner,
                "rehearsal": self.promotion.rehearsal,
                "plan_hash": self.promotion.plan_hash,
                "tables": len(plan["migration"]["tables"]),
                "monthly_cost_usd": plan["infra"]["monthly_cost"],
                "budget_usd": [plan["infra"]["budget_min"], plan["infra"]["budget_max"]],
                "steps": [{"name": step.name, "seconds": step.seconds} for step in self.promotion.steps],
            },
            "rows": self.fingerprint,
            "requests": to_json(self.tally),
            "acknowledged_orders": self.acknowledged_orders,
            "lost_orders": self.lost_orders,
            "seconds_away": None if self.seconds_away is None else round(self.seconds_away, 2),
            "promises": self.promises,
            "seconds": self.seconds,
        }


def _score(assessment: dict[str, Any]) -> float:
    score = assessment["score"]
    return -1.0 if score is None else float(score)


def _judgement(assessment: dict[str, Any]) -> dict[str, Any]:
    shown = ("phase", "score", "light", "decision", "bottleneck", "reasons")
    values = {item["id"]: item["value"] for item in assessment["metrics"]}
    return {**{name: assessment[name] for name in shown}, "metrics": values}


def await_recovery(
    sidecar: Sidecar, shop: RunningShop, tell: Callable[[Look], None], level: Level
) -> dict[str, Any]:
    """Look at the new phase's assessment until it rests on a full window; the load goes on meanwhile.

    Raises:
        ShopDied: the shop ended.
    """
    began = time.monotonic()
    while True:
        time.sleep(WINDOW / 4)
        shop.check()
        assessment = sidecar.assessment()
        seconds = time.monotonic() - began
        tell(Look(seconds, level, assessment))
        settled = seconds >= WINDOW and assessment["light"] == "green"
        if settled or seconds >= RECOVERY:
            return assessment


def lost_orders(dsn: str, acknowledged: Sequence[int | str]) -> int:
    """Count the acknowledged orders that PostgreSQL does not hold exactly once; asked without the shop."""
    import psycopg  # noqa: PLC0415  # only this question needs it

    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            'SELECT id::text, count(*) FROM "order" WHERE id::text = ANY(%s) GROUP BY id',
            [list(map(str, acknowledged))],
        ).fetchall()
    held_once = {order for order, count in rows if count == 1}
    return len(set(map(str, acknowledged)) - held_once) + len(acknowledged) - len(set(acknowledged))
