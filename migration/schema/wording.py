"""Counts and guesses in sentences."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def counted(number: int, noun: str) -> str:
    """1 text; 1,200 texts."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def some_of(number: int, total: int, noun: str) -> str:
    """3 of 1,200 texts; all 1,200 texts."""
    return f"all {counted(total, noun)}" if number == total else f"{number:,} of {counted(total, noun)}"


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """A question that names what was probably meant; empty where nothing is like it."""
    folded = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(given.casefold(), folded, n=1, cutoff=0.6)
    return f"did you mean {folded[close[0]]}?" if close else ""
