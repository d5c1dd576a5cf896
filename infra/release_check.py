"""Says whether each service runs what it was asked to run.

A release that takes itself back leaves ECS content, and Pulumi too: the update succeeded, with the old tasks.
So after an update the task definition that runs is compared with the one that was asked for. Read-only.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from infra.errors import InfraError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

#: How the program exports what each service was asked to run.
OUTPUT: Final = "releases"


class NothingReleased(InfraError):
    """The stack's outputs name no service: it has none, or has not been deployed."""


@dataclass(frozen=True)
class Release:
    """One service, what it was asked to run, and what it runs.

    Args:
        asked: ARN of the task definition that the last update asked for.
        runs: ARN of the one that its primary deployment runs; None where there is no such service.
        state: of that deployment: COMPLETED, IN_PROGRESS or FAILED, with ECS's reason.
        tasks: running and desired.
    """

    region: str
    cluster: str
    service: str
    asked: str
    runs: str | None
    state: str
    tasks: tuple[int, int]

    @property
    def arrived(self) -> bool:
        """Whether what was asked for runs, and nothing else, on as many tasks as there should be."""
        running, desired = self.tasks
        return self.runs == self.asked and self.state.startswith("COMPLETED") and running >= desired


def check_releases(
    outputs: Mapping[str, Any], client: Callable[[str], Any] | None = None
) -> tuple[Release, ...]:
    """Ask ECS what runs.

    Args:
        outputs: of the stack.
        client: makes ECS's client of a region; boto3's by default.

    Raises:
        NothingReleased: the outputs name no service.
    """
    asked: Sequence[Mapping[str, str]] = outputs.get(OUTPUT) or ()
    if not asked:
        raise NothingReleased(
            "the stack has no services to look at",
            why=f"its outputs have no {OUTPUT}",
            next_step="deploy phase-3 first: outgrow infra up phase-3 --runner pulumi",
        )
    make = client or _ecs
    return tuple(_look(make(one["region"]), one) for one in asked)


def _look(ecs: Any, asked: Mapping[str, str]) -> Release:
    answer = ecs.describe_services(cluster=asked["cluster"], services=[asked["service"]])
    found = next(iter(answer.get("services", ())), None)
    deployments = found.get("deployments", ()) if found else ()
    primary = next((one for one in deployments if one["status"] == "PRIMARY"), None)
    state = primary.get("rolloutState") or "COMPLETED" if primary else "MISSING"
    reason = primary.get("rolloutStateReason") if primary else None
    return Release(
        region=asked["region"],
        cluster=asked["cluster"],
        service=asked["service"],
        asked=asked["task_definition"],
        runs=primary["taskDefinition"] if primary else None,
        state=f"{state}: {reason}" if reason else state,
        tasks=(found["runningCount"], found["desiredCount"]) if found else (0, 0),
    )


def _ecs(region: str) -> Any:
    config = importlib.import_module("botocore.config").Config(
        retries={"mode": "standard", "max_attempts": 5}
    )
    return importlib.import_module("boto3").client("ecs", region_name=region, config=config)
