"""What steps act on: source and target, the application, the runner, and what earlier steps left behind."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from migration.promotion.errors import WrongPromotionError
from migration.promotion.progress import Notice, Progress, silent
from migration.target.dsn import parse_dsn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from infra.runners.protocol import Runner
    from migration.promotion.application import Application
    from migration.promotion.plan import PromotionPlan
    from migration.promotion.record import StepRecord

#: The output under which a stack names the database that the application shall use.
DSN_OUTPUT = "database_dsn"


@dataclass(frozen=True)
class Limits:
    """How long things may take, in seconds.

    `fence`: waiting for the application's running transactions. `target`: a new database's first answer.
    `health`: the application's first good answer. `poll`: the pause between two looks.
    """

    fence: float = 30.0
    target: float = 60.0
    health: float = 60.0
    poll: float = 0.2

    @classmethod
    def pinned(cls, options: Mapping[str, Any]) -> Limits:
        """Read back the limits that a promotion was started with."""
        return cls(**options.get("limits", {}))


@dataclass(frozen=True)
class World:
    """Everything a step may touch, and nothing else.

    Args:
        plan: what was planned.
        promotion: the promotion's id, which marks what is its own.
        journal: the promotion's journal file; the copy keeps its own journal beside it.
        dsn: the target's connection string as it was given, None where the runner's outputs name it. Never
        written.
        recorded: gives the row of another step of this promotion.
    """

    plan: PromotionPlan
    promotion: str
    journal: Path
    dsn: str | None
    application: Application
    runner: Runner
    recorded: Callable[[str], StepRecord]
    limits: Limits = field(default_factory=Limits)
    progress: Progress = silent

    @property
    def source(self) -> Path:
        return Path(self.plan.source)

    @property
    def copy_journal(self) -> Path:
        """The migration's own journal: one a promotion, so that a new attempt starts afresh."""
        return self.journal.with_name(f"{self.journal.name}-{self.promotion}-copy")

    def target(self) -> str:
        """The target's connection string, as given or as the runner's outputs name it now.

        Raises:
            WrongPromotionError: neither names one.
        """
        if self.dsn is not None:
            return self.dsn
        offered = self.runner.outputs(self.plan.to_phase).get(DSN_OUTPUT)
        if not isinstance(offered, str) or not offered:
            raise WrongPromotionError(
                f"the {self.plan.runner} runner's outputs name no database",
                why=f"{self.plan.to_phase} has no output {DSN_OUTPUT}",
                next_step="name the database: --target env:NAME",
            )
        return offered

    def scrub(self, text: str) -> str:
        """Take the target's secrets out of a text."""
        return parse_dsn(self.dsn).scrub(text) if self.dsn else text

    def outcome(self, step: str) -> Mapping[str, Any]:
        """What another step of this promotion left behind."""
        return self.recorded(step).outcome

    def detail(self, step: str, text: str) -> None:
        """Tell the user something about a running step."""
        self.progress(Notice("detail", step, text))
