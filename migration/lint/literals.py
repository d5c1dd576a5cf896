"""The texts in a program: where they stand, what they say, and what the program fills into them.

One scanner for six languages. It knows their comments, quotes, escapes and interpolations, and no more of
their grammar: that is enough to find every text, and to join those that are written in several parts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A word in place of what is filled in; it cannot be shorter.
_SHORTEST = 1


@dataclass(frozen=True)
class Style:
    """How a language writes comments and texts; `hole` begins what is filled in."""

    line_comments: tuple[str, ...]
    block_comments: bool
    quotes: str
    raw_quotes: str = ""
    triple: bool = False
    regexes: bool = False
    heredocs: bool = False


_JAVASCRIPT = Style(("//",), block_comments=True, quotes="'\"`", regexes=True)
STYLES = {
    "ts": _JAVASCRIPT,
    "js": _JAVASCRIPT,
    "mjs": _JAVASCRIPT,
    "cjs": _JAVASCRIPT,
    "py": Style(("#",), block_comments=False, quotes="'\"", triple=True),
    "rb": Style(("#",), block_comments=False, quotes="'\"", heredocs=True),
    "go": Style(("//",), block_comments=True, quotes="\"'", raw_quotes="`"),
}


@dataclass
class Literal:
    """A text from `start` to `end` (behind its last quote); see `Piece` for the rest.

    `before` is the code that leads to it, up to the text before.
    """

    start: int
    end: int
    characters: list[str] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    holes: list[tuple[int, int]] = field(default_factory=list)
    before: str = ""

    def add(self, character: str, offset: int) -> None:
        self.characters.append(character)
        self.shown.append(character)
        self.offsets.append(offset)

    def add_hole(self, written: str, offset: int) -> None:
        """What the program fills in: a word of the same length, so that positions stay."""
        begin = len(self.characters)
        flat = " ".join(written.splitlines()).ljust(len(written)) if "\n" in written else written
        for place, character in enumerate(flat[: len(written)]):
            self.characters.append("h" if place == 0 else "_")
            self.shown.append(character)
            self.offsets.append(offset + min(place, len(written) - 1))
        self.holes.append((begin, len(self.characters)))

    def join(self, other: Literal) -> None:
        shift = len(self.characters)
        self.characters += other.characters
        self.shown += other.shown
        self.offsets += other.offsets
        self.holes += [(start + shift, end + shift) for start, end in other.holes]
        self.end = other.end


#: Between the parts of one text: blanks, a plus, or a name or call between two pluses.
_NEXT = re.compile(r"\s*(?:\\\s*\n\s*)?")
_PLUS = re.compile(r"\s*\+\s*")
_FILLED = re.compile(r"\s*\+\s*(?P<code>[A-Za-z_$][\w.$]*(?:\([\w., ]*\)|\[[\w. ]*\])?)\s*\+\s*")


def literals(text: str, language: str) -> list[Literal]:
    """Every text of a program, in order; parts that the program joins at once are one."""
    found: list[Literal] = []
    end = 0
    scanner = _Scanner(text, STYLES[language])
    for item in scanner.scan():
        gap = text[end : item.start]
        # A prefix (Python's f, r, b) belongs to the text behind it.
        plain = gap.rstrip("rRbBfFuU") if language == "py" else gap
        last = found[-1] if found else None
        if last is not None and last.end == end:
            filled = _FILLED.fullmatch(plain)
            if filled is not None:
                last.add_hole(f"${{{filled['code']}}}", end + filled.start("code") - 2)
                last.join(item)
                end = item.end
                continue
            implicit = language in ("py", "rb") and _NEXT.fullmatch(plain) and last.characters
            if _PLUS.fullmatch(plain) or implicit:
                last.join(item)
                end = item.end
                continue
        item.before = gap[-200:]
        end = item.end
        if language != "py" or not _is_docstring(text, item):
            found.append(item)
    for item in scanner.nested:
        item.before = text[max(0, item.start - 200) : item.start]
    return sorted((*found, *scanner.nested), key=lambda item: item.start)


def _is_docstring(text: str, item: Literal) -> bool:
    """Whether a text of Python's stands for itself, on lines of its own, and so says something to people."""
    ahead = text[max(0, item.start - 400) : item.start]
    line = ahead.rpartition("\n")[2]
    before = ahead.rstrip()
    alone = not line.strip() and (not before or before[-1] not in "(,=[{+%\\&|")
    return alone and text.startswith(('"""', "'''"), item.start + len(_flags(text, item.start)))


def _flags(text: str, start: int) -> str:
    flags = re.compile(r"[rRbBfFuU]{0,2}").match(text, start)
    return flags[0] if flags else ""


_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0"}
#: Code behind which a slash begins a regular expression, and does not divide.
_BEFORE_REGEX = re.compile(r"(?:^|[(,=:\[!&|?{};+\n]|\breturn|=>)\s*\Z")
_HEREDOC = re.compile(r"<<[~-]?(['\"]?)([A-Z][A-Z0-9_]*)\1")
_PREFIX = re.compile(r"(?:^|[^\w])([rRbBfFuU]{1,2})\Z")


class _Scanner:
    def __init__(self, text: str, style: Style) -> None:
        self._text = text
        self._style = style
        self._at = 0
        #: Texts within what other texts are filled with.
        self.nested: list[Literal] = []

    def scan(self, until: str | None = None) -> Iterator[Literal]:
        """The texts up to the end, or to a closing brace that was not opened here."""
        text, style, depth = self._text, self._style, 0
        while self._at < len(text):
            character = text[self._at]
            ahead = text[self._at : self._at + 3]
            if any(ahead.startswith(mark) for mark in style.line_comments):
                self._skip_to("\n")
            elif style.block_comments and ahead.startswith("/*"):
                self._at += 2
                self._skip_to("*/", over=True)
            elif style.regexes and character == "/" and self._begins_regex():
                self._skip_regex()
            elif style.triple and ahead in ('"""', "'''"):
                yield self._quoted(ahead)
            elif character in style.raw_quotes:
                yield self._raw(character)
            elif character in style.quotes:
                yield self._quoted(character)
            elif style.heredocs and ahead.startswith("<<") and (match := _HEREDOC.match(text, self._at)):
                yield self._heredoc(match)
            elif until is not None and character in "{}":
                depth += 1 if character == "{" else -1
                if depth < 0:
                    return
                self._at += 1
            else:
                self._at += 1

    def _skip_to(self, mark: str, *, over: bool = False) -> None:
        found = self._text.find(mark, self._at)
        self._at = len(self._text) if found < 0 else found + (len(mark) if over else 0)

    def _begins_regex(self) -> bool:
        return _BEFORE_REGEX.search(self._text, max(0, self._at - 40), self._at) is not None

    def _skip_regex(self) -> None:
        self._at += 1
        inside = False
        while self._at < len(self._text) and self._text[self._at] != "\n":
            character = self._text[self._at]
            if character == "\\":
                self._at += 1
            elif character == "[":
                inside = True
            elif character == "]":
                inside = False
            elif character == "/" and not inside:
                self._at += 1
                return
            self._at += 1

    def _raw(self, quote: str) -> Literal:
        literal = Literal(self._at, self._at)
        self._at += 1
        while self._at < len(self._text) and self._text[self._at] != quote:
            literal.add(self._text[self._at], self._at)
            self._at += 1
        self._at += 1
        literal.end = self._at
        return literal

    def _quoted(self, quote: str) -> Literal:
        prefix = _PREFIX.search(self._text, max(0, self._at - 3), self._at) if self._style.triple else None
        flags = prefix[1].lower() if prefix else ""
        literal = Literal(self._at - len(flags), self._at)
        self._at += len(quote)
        hole = self._hole(quote, flags)
        while self._at < len(self._text) and not self._text.startswith(quote, self._at):
            character = self._text[self._at]
            if character == "\n" and len(quote) == 1 and quote != "`":
                break  # a quote that ends with its line is none: an apostrophe in a comment, say
            if character == "\\" and "r" not in flags:
                self._escape(literal)
            elif hole and self._text.startswith(hole, self._at):
                self._fill(literal, hole)
            else:
                literal.add(character, self._at)
                self._at += 1
        self._at += len(quote)
        literal.end = self._at
        return literal

    def _hole(self, quote: str, flags: str) -> str:
        if quote == "`":
            return "${"
        if self._style.heredocs and quote == '"':
            return "#{"
        return "{" if "f" in flags else ""

    def _escape(self, literal: Literal) -> None:
        letter = self._text[self._at + 1 : self._at + 2]
        if letter != "\n":
            literal.add(_ESCAPES.get(letter, letter) or "\\", self._at)
        self._at += 2

    def _fill(self, literal: Literal, hole: str) -> None:
        """What stands between the braces, whatever it is."""
        begin = self._at
        if hole == "{" and self._text.startswith("{{", begin):
            literal.add("{", begin)
            self._at += 2
            return
        self._at += len(hole)
        inner = list(self.scan(until="}"))
        self.nested += inner
        self._at += 1
        literal.add_hole(self._text[begin : self._at], begin)

    def _heredoc(self, match: re.Match[str]) -> Literal:
        """Ruby's text that begins on the next line and ends with its own word."""
        literal = Literal(match.start(), match.end())
        begin = self._text.find("\n", match.end()) + 1
        end = re.compile(rf"^[ \t]*{match[2]}\b", re.MULTILINE).search(self._text, begin)
        stop = end.start() if end is not None and begin else match.end()
        self._at = begin or match.end()
        hole = "" if match[1] == "'" else "#{"
        while begin and self._at < stop:
            if hole and self._text.startswith(hole, self._at):
                self._fill(literal, hole)
            else:
                literal.add(self._text[self._at], self._at)
                self._at += 1
        self._at = end.end() if end is not None and begin else match.end()
        literal.end = self._at
        return literal
