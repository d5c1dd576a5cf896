"""What the command line fixes once and a resume needs again: hooks, the runner's state, stack files."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.runners import DEFAULT_STATE
from migration.promotion.application import CommandApplication, Hooks
from migration.promotion.errors import WrongPromotionError

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
        state: the rehearsal runner's state file.
        stacks: the folder of the stack files; None for the project's own.
        folder: where the hooks run.
    """

    hooks: Hooks = field(default_factory=Hooks)
    state: Path = DEFAULT_STATE
    stacks: Path | None = None
    folder: Path = field(default_factory=Path.cwd)
    _graphs: dict[str, Graph] = field(default_factory=dict, init=False, repr=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        return {
            "hooks": asdict(self.hooks),
            "state": str(self.folder / self.state),
            "stacks": str(self.folder / self.stacks) if self.stacks else None,
            "folder": str(self.folder),
        }

    @classmethod
    def from_record(cls, record: PromotionRecord) -> Invocation:
        """Read back what was pinned, wherever the resume is typed.

        Raises:
            WrongPromotionError: a program began the promotion, with an application that no command stands
                for.
        """
        options = record.options
        if "hooks" not in options:
            raise WrongPromotionError(
                f"promotion {record.id} was not started by this command",
                next_step="resume or abort it with the program that started it",
            )
        return cls(
            Hooks(**options["hooks"]),
            Path(options["state"]),
            Path(options["stacks"]) if options["stacks"] else None,
            Path(options["folder"]),
        )

    def with_hooks(self, given: Mapping[str, str | None]) -> Invocation:
        """Other commands or addresses in place of those that turned out to be wrong; None keeps what was.

        Raises:
            WrongPromotionError: a given one cannot be used.
        """
        changed: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        Hooks(**changed).check()
        return replace(self, hooks=replace(self.hooks, **changed))

    def runner(self, name: str) -> Runner:
        """The runner that was chosen. A rehearsal makes the very graph that was planned."""
        from infra.runners import make_runner  # noqa: PLC0415  # loads Pulumi where it is chosen
        from infra.runners.rehearsal import RehearsalRunner  # noqa: PLC0415

        if name == RehearsalRunner.name:
            return RehearsalRunner(
                self.state,
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
        return CommandApplication(
            self.hooks, Path(plan.source), plan.from_phase, plan.to_phase, folder=self.folder
        )
