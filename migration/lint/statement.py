"""One statement or fragment as its rules look at it: tokens, how deep each stands, calls, clauses, names."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from migration.lint.words import CLAUSES, KEYWORDS
from migration.schema.tokens import Kind, Token, tokenize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migration.lint.known import KnownSchema, KnownTable
    from migration.lint.pieces import Piece
    from migration.schema.target import TargetColumn


@dataclass(frozen=True)
class Call:
    """A call of a function, by places of tokens: the name, both parentheses, and each argument's span."""

    name: int
    open: int
    close: int
    arguments: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Source:
    """A table in FROM, JOIN, INTO or UPDATE: the places of its name and of its alias."""

    name: int
    alias: int | None


@dataclass(frozen=True)
class Sql:
    """One piece. Rules speak of tokens by their places, and of text by positions in the piece.

    `known` is the schema of the SQLite file, if there is one; `library` is who speaks to the driver ('' where
    it is not known).
    """

    piece: Piece
    known: KnownSchema | None = None
    library: str = ""

    @property
    def text(self) -> str:
        return self.piece.text

    @cached_property
    def tokens(self) -> tuple[Token, ...]:
        return tuple(tokenize(self.piece.text))

    @property
    def whole(self) -> bool:
        """Whether this is a whole statement."""
        return self.piece.kind != "fragment"

    @cached_property
    def postgres(self) -> bool:
        """Whether only PostgreSQL reads this: it casts by ::, uses ILIKE, or names PostgreSQL's catalogs."""
        return any(
            token.value.startswith("::")
            if token.kind is Kind.PARAMETER
            else token.kind is Kind.WORD
            and (
                token.value.lower().startswith("pg_")
                or token.value.lower() in ("ilike", "information_schema")
            )
            for token in self.tokens
        )

    @cached_property
    def depths(self) -> tuple[int, ...]:
        """How many parentheses are open around each token; both of a pair belong to what is around them."""
        depths, depth = [], 0
        for token in self.tokens:
            if token.is_operator(")"):
                depth -= 1
            depths.append(depth)
            if token.is_operator("("):
                depth += 1
        return tuple(depths)

    def word(self, place: int, *words: str) -> bool:
        """Whether there is a token here that is one of these keywords."""
        return 0 <= place < len(self.tokens) and self.tokens[place].is_word(*words)

    def operator(self, place: int, *operators: str) -> bool:
        return 0 <= place < len(self.tokens) and any(
            self.tokens[place].is_operator(operator) for operator in operators
        )

    def kind(self, place: int) -> Kind | None:
        return self.tokens[place].kind if 0 <= place < len(self.tokens) else None

    def words(self, place: int, *words: str) -> bool:
        """Whether these keywords begin here, one after the other."""
        return all(self.word(place + number, word) for number, word in enumerate(words))

    def find(self, *words: str) -> Iterator[int]:
        """Every place of these keywords."""
        for place, token in enumerate(self.tokens):
            if (
                token.is_word(*words)
                and not self.operator(place - 1, ".")
                and not self.operator(place + 1, ".")
            ):
                yield place

    def shown(self, first: int, last: int) -> str:
        """The text from one token to another, as written, without what is filled in."""
        return self.text[self.tokens[first].start : self.tokens[last].end]

    def kept(self, first: int, last: int) -> str:
        """These tokens within an edit's text: as they are, and other edits may still change them."""
        return f"\0{self.tokens[first].start}:{self.tokens[last].end}\0"

    def in_hole(self, place: int) -> bool:
        """Whether the program fills a token in, or a part of it."""
        token = self.tokens[place]
        return any(start < token.end and token.start < end for start, end in self.piece.holes)

    def close(self, opened: int) -> int:
        """The parenthesis that closes the one here; the last token where there is none."""
        for place in range(opened + 1, len(self.tokens)):
            if self.operator(place, ")") and self.depths[place] == self.depths[opened]:
                return place
        return len(self.tokens) - 1

    def end(self, place: int) -> int:
        """The last token at the depth of this one, before the parenthesis around it closes."""
        depth = self.depths[place]
        for other in range(place, len(self.tokens)):
            if self.depths[other] < depth:
                return other - 1
        return len(self.tokens) - 1

    def split(self, first: int, last: int) -> tuple[tuple[int, int], ...]:
        """The parts between commas, from one token to another."""
        parts, begin = [], first
        for place in range(first, last + 1):
            if self.operator(place, ",") and self.depths[place] == self.depths[first]:
                parts.append((begin, place - 1))
                begin = place + 1
        if begin <= last:
            parts.append((begin, last))
        return tuple(part for part in parts if part[0] <= part[1])

    def calls(self, *names: str) -> Iterator[Call]:
        """Every call of these functions (lower case)."""
        for place, token in enumerate(self.tokens[:-1]):
            if (
                token.kind is Kind.WORD
                and token.value.lower() in names
                and self.operator(place + 1, "(")
                and not self.operator(place - 1, ".")
                and not self.in_hole(place)
            ):
                close = self.close(place + 1)
                inside = self.split(place + 2, close - 1) if close > place + 2 else ()
                yield Call(place, place + 1, close, inside)

    def clause(self, place: int, *words: str) -> int | None:
        """Where a clause of the same SELECT begins behind this token, at its depth."""
        depth = self.depths[place]
        for other in range(place + 1, len(self.tokens)):
            if self.depths[other] < depth or (
                self.depths[other] == depth and self.word(other, "UNION", "EXCEPT", "INTERSECT", "SELECT")
            ):
                return None
            if self.depths[other] == depth and self.word(other, *words):
                return other
        return None

    def clause_end(self, place: int) -> int:
        """The last token of the clause that begins here."""
        depth = self.depths[place]
        for other in range(place + 1, len(self.tokens)):
            if self.depths[other] < depth or self.operator(other, ";"):
                return other - 1
            if self.depths[other] == depth and self.word(other, *CLAUSES):
                return other - 1
        return len(self.tokens) - 1

    def standing(self, place: int) -> str:
        """The clause that a token stands in: the last word of it that begins one, in upper case."""
        depth = self.depths[place]
        for other in range(place - 1, -1, -1):
            if self.depths[other] < depth and self.operator(other, "("):
                depth = self.depths[other]
            if self.depths[other] == depth and self.word(other, *CLAUSES, "SELECT", "SET", "VALUES", "ON"):
                return self.tokens[other].value.upper()
        return "" if self.whole else "WHERE"

    # Names

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """Every table that is named as one."""
        found: list[Source] = []
        for place, token in enumerate(self.tokens):
            if token.is_word("FROM", "JOIN", "INTO", "UPDATE") and not self.operator(place - 1, "."):
                if (
                    token.is_word("UPDATE")
                    and place
                    and self.word(place - 1, "DO", "ON", "FOR", "AFTER", "BEFORE")
                ):
                    continue
                if token.is_word("FROM") and self.word(place - 1, "DISTINCT"):
                    continue  # IS DISTINCT FROM
                found += self._listed(place)
            elif token.is_word("TABLE", "REFERENCES"):
                at = place + 1
                while self.word(at, "IF", "NOT", "EXISTS"):
                    at += 1
                if at < len(self.tokens) and self.tokens[at].can_name:
                    found.append(Source(at + 2 if self.operator(at + 1, ".") else at, None))
        return tuple(source for source in found if source.name < len(self.tokens))

    def _listed(self, place: int) -> Iterator[Source]:
        """The tables behind FROM and its commas."""
        at = place + 1
        if self.word(place, "UPDATE") and self.word(at, "OR"):
            at += 2
        while at < len(self.tokens):
            name: int | None = at
            if self.operator(at, "("):
                name, at = None, self.close(at) + 1
            elif self.tokens[at].can_name:
                if self.operator(at + 1, ".") and at + 2 < len(self.tokens):
                    at += 2
                    name = at
                at += 1
            else:
                return
            if self.word(at, "AS"):
                at += 1
            alias = at if self._names_alias(at) else None
            at += alias is not None
            if name is not None:
                yield Source(name, alias)
            elif alias is not None:
                yield Source(alias, alias)
            if not (self.operator(at, ",") and self.word(place, "FROM")):
                return
            at += 1

    def _names_alias(self, place: int) -> bool:
        if not 0 <= place < len(self.tokens) or not self.tokens[place].can_name:
            return False
        token = self.tokens[place]
        return token.kind is Kind.NAME or token.value.upper() not in KEYWORDS

    @cached_property
    def own_names(self) -> frozenset[str]:
        """The names that the statement gives to tables, in lower case: they fold everywhere alike."""
        found = {
            self.tokens[source.alias].value.casefold() for source in self.sources if source.alias is not None
        }
        for place in self.find("WITH"):
            at = place + (2 if self.word(place + 1, "RECURSIVE") else 1)
            while at < len(self.tokens) and self.tokens[at].can_name:
                found.add(self.tokens[at].value.casefold())
                at += 1
                if self.operator(at, "("):
                    at = self.close(at) + 1
                at = next((other for other in range(at, len(self.tokens)) if self.operator(other, "(")), -1)
                if at < 0:
                    break
                at = self.close(at) + 1
                if not self.operator(at, ","):
                    break
                at += 1
        return frozenset(found)

    @cached_property
    def outputs(self) -> dict[str, tuple[int, int, int]]:
        """The results that get a name by AS: name in lower case -> its place, and the expression's span."""
        found: dict[str, tuple[int, int, int]] = {}
        for place in self.find("SELECT"):
            for first, last in self.items(place):
                if last - first >= 2 and self.word(last - 1, "AS") and self.tokens[last].can_name:
                    found.setdefault(self.tokens[last].value.casefold(), (last, first, last - 2))
        return found

    def items(self, select: int) -> tuple[tuple[int, int], ...]:
        """The results of the SELECT here."""
        first = select + 1
        if self.word(first, "DISTINCT", "ALL"):
            first += 1
        if first >= len(self.tokens):
            return ()
        last = self.clause_end(select)
        source = self.clause(select, "FROM")
        return self.split(first, min(last, source - 1) if source is not None else last)

    @cached_property
    def tables(self) -> dict[str, KnownTable]:
        """The known tables by the names that the statement uses for them, in lower case."""
        if self.known is None:
            return {}
        found = {}
        for source in self.sources:
            table = self.known.table(self.tokens[source.name].value)
            if table is not None:
                name = self.tokens[source.alias if source.alias is not None else source.name].value
                found[name.casefold()] = table
        return found

    def column(self, place: int) -> TargetColumn | None:
        """The column that the token here names, if the file's schema tells which."""
        token = self.tokens[place]
        if (
            self.known is None
            or token.kind not in (Kind.WORD, Kind.NAME)
            or self.operator(place + 1, "(", ".")
        ):
            return None
        name = token.value.casefold()
        if self.operator(place - 1, ".") and place >= 2:
            qualifier = self.tokens[place - 2].value.casefold()
            table = self.tables.get(qualifier) or (None if self.whole else self.known.table(qualifier))
            return table.columns.get(name) if table is not None else None
        tables = self.tables.values() if self.whole else self.known.tables.values()
        found = [table.columns[name] for table in tables if name in table.columns]
        if not self.whole and len({column.type for column in found}) > 1:
            return None
        return found[0] if found else None

    def operand_before(self, place: int) -> tuple[int, int]:
        """The simple operand that ends before the token here: a name, a constant, or a call."""
        last = place - 1
        first = last
        if self.operator(last, ")"):
            first = next(
                (
                    other
                    for other in range(last - 1, -1, -1)
                    if self.depths[other] == self.depths[last] and self.operator(other, "(")
                ),
                last,
            )
            if first and self.kind(first - 1) is Kind.WORD and not self.word(first - 1, *KEYWORDS):
                first -= 1
        while first >= 2 and self.operator(first - 1, "."):
            first -= 2
        return first, last

    def operand_after(self, place: int) -> tuple[int, int]:
        """The simple operand that begins behind the token here."""
        first = min(place + 1, len(self.tokens) - 1)
        last = first
        if self.operator(first, "-", "+") and first + 1 < len(self.tokens):
            last += 1
        while self.operator(last + 1, ".") and last + 2 < len(self.tokens):
            last += 2
        if self.operator(last, "("):
            last = self.close(last)
        elif self.operator(last + 1, "("):
            last = self.close(last + 1)
        return first, last

    def column_in(self, span: tuple[int, int]) -> TargetColumn | None:
        """The column that an operand is, if it is nothing else."""
        first, last = span
        names = all(
            self.operator(place, ".") if (place - first) % 2 else self.tokens[place].can_name
            for place in range(first, last + 1)
        )
        return self.column(last) if names and first <= last else None
