"""A counter that only rises, made of one that can start again."""

from __future__ import annotations


class CommitCounter:
    """Adds up what a 32-bit counter of SQLite's has counted.

    Two things happen to such a counter: SQLite makes it anew (it then counts from zero, so what it shows was
    all committed since), or the whole file is exchanged (it then shows somebody else's past, so only what
    follows counts).
    """

    def __init__(self) -> None:
        self.total = 0
        self._last: int | None = None

    def anew(self) -> None:
        """Say that the counter begins at zero again: everything it shows from now on is to be counted."""
        self._last = 0

    def exchanged(self) -> None:
        """Say that another counter stands there now: its next value is only where counting begins."""
        self._last = None

    def see(self, value: int, *, restarts: bool) -> None:
        """Add what was counted since the last look.

        Args:
            value: what the counter shows.
            restarts: whether a smaller value than before means that it began at zero again.
        """
        if self._last is not None:
            if value >= self._last:
                self.total += value - self._last
            elif restarts:
                self.total += value
        self._last = value

    def add(self, gained: int) -> None:
        """Add commits that were counted in another way.

        Args:
            gained: 0 or more.
        """
        self.total += gained
