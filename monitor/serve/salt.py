"""The key clients are hashed with: random, renewed each day, only ever in memory."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Salt:
    """A key of 32 bytes and its name."""

    key: bytes
    id: str


class DailySalt:
    """Gives today's key (UTC); yesterday's is forgotten, so that its hashes can be compared to nothing.

    Args:
        clock: seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._salt = self._make()

    def current(self) -> Salt:
        """Return the key of the day."""
        if not self._salt.id.startswith(self._day()):
            self._salt = self._make()
        return self._salt

    def _make(self) -> Salt:
        return Salt(secrets.token_bytes(32), f"{self._day()}-{secrets.token_hex(4)}")

    def _day(self) -> str:
        return time.strftime("%Y-%m-%d", time.gmtime(self._clock()))
