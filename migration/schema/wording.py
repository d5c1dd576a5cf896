"""Counts in sentences."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """1 text; 1,200 texts."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def some_of(number: int, total: int, noun: str) -> str:
    """3 of 1,200 texts; all 1,200 texts."""
    return f"all {counted(total, noun)}" if number == total else f"{number:,} of {counted(total, noun)}"
