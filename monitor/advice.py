"""Advice as values: what a recommendation is, and what a rule may look at to give one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from monitor.thresholds import Category
from monitor.units import show

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.assessment import Assessment, JudgedMetric
    from monitor.snapshot import Facts
    from monitor.thresholds import Thresholds


class Severity(StrEnum):
    """How pressing a recommendation is, most pressing first."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True)
class Evidence:
    """Why a rule gave advice: what was measured against what limit, and the same as a sentence."""

    metric: str
    value: float | str | None
    limit: float | str | None
    text: str


@dataclass(frozen=True)
class Recommendation:
    """One advice.

    Args:
        rule_id: stable name of the rule.
        severity: how pressing it is.
        because: the evidence.
        action: what to do, one sentence.
        command: what to type first; DATABASE stands for the database file, URL for the monitor's address.
        verify_with: how to see that it helped.
        effort: how long it takes: "minutes", "hours", "days" or "weeks".
        docs: where the rule is explained; its place in docs/scoring.md by default.
    """

    rule_id: str
    severity: Severity
    because: Evidence
    action: str
    command: str
    verify_with: str
    effort: str = "hours"
    docs: str = ""

    def __post_init__(self) -> None:
        if not self.docs:
            object.__setattr__(self, "docs", f"docs/scoring.md#{self.rule_id}")


@dataclass(frozen=True)
class Case:
    """What a rule may look at.

    Args:
        assessment: the judgement, complete but for its recommendations.
        facts: what is known beside the metrics.
        thresholds: the limits it was judged by.
        next_phase: where the application could climb to; None from the last phase.
    """

    assessment: Assessment
    facts: Facts
    thresholds: Thresholds
    next_phase: str | None

    @property
    def by_id(self) -> Mapping[str, JudgedMetric]:
        """The judged metrics by id."""
        return {metric.id: metric for metric in self.assessment.metrics}

    @property
    def on_sqlite(self) -> bool:
        """Whether the application runs on SQLite; where no probe knows, only the first phase does."""
        if self.facts.database is not None:
            return self.facts.database == "sqlite"
        return self.assessment.phase == "phase-1"

    def beyond_stay(self, metric: str) -> bool:
        """Say whether a metric is known and past its stay limit."""
        return self.by_id[metric].category in (Category.PLAN, Category.URGENT)

    def severity(self, *metrics: str) -> Severity:
        """Say how pressing metrics past their stay limits are."""
        urgent = any(self.by_id[metric].category is Category.URGENT for metric in metrics)
        return Severity.CRITICAL if urgent else Severity.WARNING

    def evidence(self, metric: str) -> Evidence:
        """State a metric against the limit it is past."""
        judged = self.by_id[metric]
        urgent = judged.category is Category.URGENT
        limit = judged.urgent if urgent else judged.stay
        name = "urgent" if urgent else "stay"
        value, against = show(metric, judged.value), show(metric, limit)
        text = f"{judged.title} is {value} against the {name} limit of {against}"
        return Evidence(metric, judged.value, limit, text)
