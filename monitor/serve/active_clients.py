"""How many distinct clients all workers together have seen lately."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.middleware.clients import estimate, merge_registers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitor.serve.push import Clients


@dataclass(frozen=True)
class ClientCount:
    """How many distinct clients were active, and in how many seconds."""

    count: int
    window_s: float


class ActiveClients:
    """Merges the workers' registers under the key of the day.

    When the key is renewed every worker starts again, and the old hashes cannot be compared with the new
    ones: for one window the last count under the old key stands in where it is the larger one.
    """

    def __init__(self) -> None:
        self._salt_id = ""
        self._last = 0
        self._floor = 0
        self._floor_until = 0.0

    def count(self, reported: Sequence[Clients], salt_id: str, *, now: float) -> ClientCount | None:
        """Count distinct clients; None while no worker reports any.

        Args:
            reported: what each live worker pushed last.
            salt_id: the key of the day's name; registers under another key are left out.
            now: the monotonic clock, in seconds.
        """
        if not reported:
            return None
        window_s = max(clients.window_seconds for clients in reported)
        if salt_id != self._salt_id:
            self._floor, self._floor_until = self._last, now + window_s
            self._salt_id = salt_id
        current = [clients.registers for clients in reported if clients.salt_id in (None, salt_id)]
        self._last = round(estimate(merge_registers(current)))
        if now < self._floor_until:
            self._last = max(self._last, self._floor)
        return ClientCount(self._last, window_s)
