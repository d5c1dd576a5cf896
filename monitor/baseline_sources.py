"""Where a baseline's values come from: a running monitor's endpoint, or its store on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from monitor.client import fetch_json
from monitor.store.history import History
from monitor.store.opening import Opened

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

_HISTORY: Final = "/api/metrics/scalability/history"


class MonitorSource:
    """A running monitor.

    Args:
        url: its address.
        token: its bearer token, if it asks for one.
    """

    def __init__(self, url: str, token: str | None) -> None:
        self.name = url
        self._token = token

    def values(self, metric: str, *, since: float, step: int) -> tuple[float, ...]:
        """Ask for one series."""
        question = f"{_HISTORY}?metric={metric}&since={since:.3f}&step={step}"
        found: Any = fetch_json(self.name, question, token=self._token)
        return tuple(float(point["value"]) for point in found["points"])


class StoreSource:
    """A store that a monitor may be writing to.

    Args:
        path: its file, for people.
        connection: open for reading.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.name = str(path)
        self._history = History(Opened(connection, path))

    def values(self, metric: str, *, since: float, step: int) -> tuple[float, ...]:
        """Read one series."""
        return tuple(point.value for point in self._history.series(metric, since=since, step=step).points)
