"""The counts of one method and route, by class of status."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Series:
    """The counts of a method and a route's template: requests by class of status (0 to 5), and seconds."""

    __slots__ = ("adders", "counts", "seconds")

    def __init__(self) -> None:
        self.counts = [0] * 6
        self.seconds = 0.0
        #: What adds the latency of a request, by class of status; made when there is one.
        self.adders: list[Callable[[float], None] | None] = [None] * 6


def class_of(status: int) -> int:
    """Return a status's class, 0 to 5; whatever is above 599 counts as a failure of the server."""
    return 5 if status >= 500 else status // 100
