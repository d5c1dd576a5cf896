"""What the command line fixes once and a resume needs again: hooks, the runner's state, stack files."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from migration.promotion.application import CommandApplication, Hooks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.graph import Graph
    from infra.plan import Plan
    from infra.runners.protocol import Runner
    from migration.promotion.plan import PromotionPlan
    from migration.promotion.record import PromotionRecord


@dataclass(frozen=True)
class Invocation:
    """The options of a promotion that stand beside its plan.

    Args:
        hooks: how the application is stopped, switched, restored and watched.
        state: the rehearsal runner's state file; None for its default.
        stacks: the folder of the stack files; None for the project's own.
    """

    hooks: Hooks = field(default_factory=Hooks)
    state: Path | None = None
    stacks: Path | None = None
    _graphs: dict[str, Graph] = field(default_factory=dict, init=False, repr=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        return {
            "hooks": asdict(self.hooks),
            "state": str(self.state.absolute()) if self.state else None,
            "stacks": str(self.stacks.absolute()) if self.stacks else None,
        }

    @classmethod
    def from_record(cls, record: PromotionRecord) -> Invocation:
        """Read back what was pinned; a promotion that Python code began has no hooks."""
        options = record.options
        state, stacks = options.get("state"), options.get("stacks")
        return cls(
            Hooks(**options.get("hooks", {})),
            Path(state) if state else None,
            Path(stacks) if stacks else None,
        )

    def with_hooks(self, given: Mapping[str, str | None]) -> Invocation:
        """Other commands or addresses in place of those that turned out to be wrong; None keeps what was."""
        changed: dict[str, Any] = {name: value for name, value in given.items() if value}
        return replace(self, hooks=replace(self.hooks, **changed))

    def runner(self, name: str) -> Runner:
        """The runner that was chosen. A rehearsal makes the very graph that was planned."""
        from infra.runners import DEFAULT_STATE, make_runner  # noqa: PLC0415  # loads Pulumi where it is chosen
        from infra.runners.rehearsal import RehearsalRunner  # noqa: PLC0415

        if name == RehearsalRunner.name:
            return RehearsalRunner(
                self.state or DEFAULT_STATE,
                stacks=self.stacks,
                evaluate_phase=lambda phase, **_: self._graph(phase),
            )
        return make_runner(name, stacks=self.stacks)

    def plan_stack(self, phase: str) -> Plan:
        """The plan of a phase as its stack file and program say now."""
        from infra.changes import changes_between  # noqa: PLC0415
        from infra.plan import plan_of  # noqa: PLC0415
        from infra.settings import load_settings  # noqa: PLC0415

        graph = self._graph(phase)
        return plan_of(load_settings(phase, self.stacks), graph, changes_between({}, graph.resources))

    def _graph(self, phase: str) -> Graph:
        """What the program declares; evaluated once, because that takes seconds."""
        if phase not in self._graphs:
            from infra.evaluation import evaluate  # noqa: PLC0415

            self._graphs[phase] = evaluate(phase, stacks=self.stacks)
        return self._graphs[phase]

    def application(self, plan: PromotionPlan) -> CommandApplication:
        """The application as these hooks know it."""
        return CommandApplication(self.hooks, Path(plan.source), plan.from_phase, plan.to_phase)
