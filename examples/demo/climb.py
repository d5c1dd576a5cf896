"""The load rises until the monitor says that the phase is outgrown, and holds there."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from examples.demo.load import Level
from examples.demo.sidecar import WINDOW
from examples.errors import DemoError

if TYPE_CHECKING:
    from collections.abc import Callable

    from examples.applications import RunningShop
    from examples.demo.load import Load
    from examples.demo.sidecar import Sidecar

#: From a quiet morning to a good day. Modest on purpose: it has to fit beside everything else on two cores.
LEVELS = (
    Level(8, 5),
    Level(20, 12),
    Level(35, 20),
    Level(50, 28),
    Level(70, 36),
    Level(90, 45),
    Level(110, 60),
)
#: Seconds on each level: half a window, so that the monitor sees it.
SECONDS_PER_LEVEL = 6
#: How long the monitor must have been saying "urgent" without a break before anything is promoted.
SUSTAINED = 5.0
#: Seconds without a higher level to go to until this is called a failure.
PATIENCE = 60


@dataclass(frozen=True)
class Look:
    """One look at the monitor while the load was at `level`."""

    second: float
    level: Level
    assessment: dict[str, Any]

    def value(self, metric: str) -> float | None:
        """The measured value of one metric."""
        found = next((item for item in self.assessment["metrics"] if item["id"] == metric), None)
        return None if found is None else found["value"]


def climb(
    load: Load, sidecar: Sidecar, shop: RunningShop, tell: Callable[[Look], None]
) -> tuple[tuple[Look, ...], Look]:
    """Raise the load level by level until "urgent" has held for `SUSTAINED` seconds.

    Returns:
        Every look, and the last one.

    Raises:
        DemoError: the limits were not reached on the highest level.
        ShopDied: the shop ended under the load.
    """
    began = time.monotonic()
    looks: list[Look] = []
    higher = list(LEVELS)
    level = higher.pop(0)
    last_level_since = began
    while higher or time.monotonic() < last_level_since + PATIENCE:
        load.press(level)
        # The first level lasts a whole window, so that the cost of starting up has left it.
        until = time.monotonic() + (SECONDS_PER_LEVEL if looks else WINDOW)
        sustained = False
        while not sustained and time.monotonic() < until:
            time.sleep(0.5)
            shop.check()
            assessment = sidecar.assessment()
            held = assessment["held"]
            sustained = held["decision"] == "urgent" and held["seconds"] >= SUSTAINED
        looks.append(Look(time.monotonic() - began, level, assessment))
        tell(looks[-1])
        if sustained:
            return tuple(looks), looks[-1]
        if assessment["decision"] != "urgent" and higher:  # urgent is high enough: it only has to last
            level = higher.pop(0)
            last_level_since = time.monotonic()
    raise DemoError(
        "the load never reached the phase's limits",
        why=f"at {LEVELS[-1].users} users the monitor still says {looks[-1].assessment['decision']}",
        next_step="lower the limits: outgrow demo --scale 0.02",
    )
