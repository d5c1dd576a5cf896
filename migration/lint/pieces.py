"""A piece of SQL in a file, with the way back from its characters to the file's."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003  # a field's type
from typing import Literal

#: `script`: a statement in an .sql file. `query`: a statement in program code, sent to the driver or through
#: a library. `fragment`: a condition or an expression that a query builder puts into its own statement.
Kind = Literal["script", "query", "fragment"]


@dataclass(frozen=True)
class Piece:
    """SQL as the program has it, escapes resolved.

    `offsets` has the position in the file of each character. `holes` are the spans that the program fills
    in: `text` has a word there, `shown` what the file has, cut or filled up to the same length. `language` is
    the ending of the file's name, `callee` the function whose argument it is ('' where there is none).
    """

    kind: Kind
    text: str
    shown: str
    offsets: tuple[int, ...]
    holes: tuple[tuple[int, int], ...] = ()
    language: str = "sql"
    callee: str = ""

    def part(self, start: int, end: int) -> Piece:
        """A part of it, as a piece of its own."""
        holes = tuple((a - start, b - start) for a, b in self.holes if start <= a and b <= end)
        return Piece(
            self.kind,
            self.text[start:end],
            self.shown[start:end],
            self.offsets[start:end],
            holes,
            self.language,
            self.callee,
        )


@dataclass(frozen=True)
class SourceFile:
    """A file's text, with the beginnings of its lines."""

    path: Path
    text: str
    starts: tuple[int, ...] = field(default=(), compare=False)

    @classmethod
    def of(cls, path: Path, text: str) -> SourceFile:
        starts = (0, *(place + 1 for place, character in enumerate(text) if character == "\n"))
        return cls(path, text, starts)

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column, both counted from 1."""
        line = bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1] + 1
