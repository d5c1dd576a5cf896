"""Applies edits to a piece of SQL; everything else in it stays as it is written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migration.lint.pieces import Piece
    from migration.lint.rule import Edit


_KEPT = re.compile("\0(\\d+):(\\d+)\0")


def settle(groups: Sequence[tuple[Edit, ...]]) -> tuple[list[Edit], list[bool]]:
    """The edits of several findings that go together, and for each finding whether its own are among them.

    Where two replace the same text, the longer one counts, unless it keeps the place of the other. Equal ones
    count once.
    """
    taken: list[Edit] = []
    kept = [bool(group) for group in groups]
    sizes = [max((edit.end - edit.start for edit in group), default=0) for group in groups]
    for number in sorted(range(len(groups)), key=lambda item: -sizes[item]):
        fresh = [edit for edit in groups[number] if edit not in taken]
        if any(_meet(edit, other) for edit in fresh for other in taken):
            kept[number] = False
            continue
        taken += dict.fromkeys(fresh)
    return taken, kept


def _meet(one: Edit, other: Edit) -> bool:
    """Whether two edits are about the same text; not where one keeps the place of the other."""
    small, large = sorted((one, other), key=lambda edit: edit.end - edit.start)
    kept = any(start <= small.start and small.end <= end for start, end in _spans(large.text))
    if kept and (small.start, small.end) != (large.start, large.end):
        return False
    if small.start == small.end:
        return large.start < small.start < large.end
    return small.start < large.end and large.start < small.end


def _spans(text: str) -> list[tuple[int, int]]:
    return [(int(match[1]), int(match[2])) for match in _KEPT.finditer(text)]


def apply(piece: Piece, edits: Sequence[Edit], start: int = 0, end: int | None = None) -> str:
    """The text from `start` to `end` with the edits that lie in it."""
    stop = len(piece.text) if end is None else end
    parts, at = [], start
    # What is put in before a place comes before what replaces it.
    for edit in sorted(edits, key=lambda item: (item.start, item.end > item.start)):
        if edit.start < at or edit.end > stop:
            continue
        parts += [piece.shown[at : edit.start], _written(piece, edits, edit)]
        at = edit.end
    return "".join((*parts, piece.shown[at:stop]))


def _written(piece: Piece, edits: Sequence[Edit], edit: Edit) -> str:
    """An edit's text; where it keeps a part of the SQL, that part with the edits in it."""

    def part(match: re.Match[str]) -> str:
        begin, end = int(match[1]), int(match[2])
        inner = [item for item in edits if item is not edit and begin <= item.start and item.end <= end]
        return apply(piece, inner, begin, end)

    return _KEPT.sub(part, edit.text)
