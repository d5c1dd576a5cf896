"""SELECT as values (sqlite.org/lang_select.html): as much of it as triggers and their subqueries use.

WITH, VALUES, window functions and NATURAL joins are refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from migration.schema.expression import Expression, Raise
from migration.schema.expression_parser import ExpressionParser
from migration.schema.tokens import Kind


@dataclass(frozen=True)
class Item:
    """One result column, with its text as written. Without an expression it is `*`, or `table.*`."""

    expression: Expression | None
    alias: str | None = None
    table: str | None = None
    text: str = field(default="", compare=False)


@dataclass(frozen=True)
class From:
    """One table or subquery of a FROM; `join` is how it is joined with those before it ('' for the first)."""

    name: str
    query: Select | None = None
    alias: str | None = None
    join: str = ""
    on: Expression | None = None
    using: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ordering:
    expression: Expression
    descending: bool = False
    nulls: str | None = None


@dataclass(frozen=True)
class Select:
    """A SELECT. `others` are the SELECTs behind it with the word between (UNION ALL and so on)."""

    items: tuple[Item, ...]
    sources: tuple[From, ...] = ()
    where: Expression | None = None
    group_by: tuple[Expression, ...] = ()
    having: Expression | None = None
    distinct: bool = False
    others: tuple[tuple[str, Select], ...] = ()
    order_by: tuple[Ordering, ...] = ()
    limit: Expression | None = None
    offset: Expression | None = None


#: Words behind a table or a result that do not name it.
_NO_ALIAS = frozenset(
    (
        *("FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "UNION", "EXCEPT", "INTERSECT"),
        *("JOIN", "LEFT", "RIGHT", "FULL", "INNER", "CROSS", "NATURAL", "OUTER", "ON", "USING", "INDEXED"),
        *("NOT", "SET", "VALUES", "WINDOW", "RETURNING", "SELECT", "DEFAULT", "END", "THEN"),
    )
)


class QueryParser(ExpressionParser):
    """Parses SELECT, and expressions with subqueries in them."""

    queries = True

    def select(self) -> Select:
        first = self._core()
        others: list[tuple[str, Select]] = []
        while operator := self._compound():
            others.append((operator, self._core()))
        order_by: list[Ordering] = []
        if self._words("ORDER", "BY"):
            order_by.append(self._ordering())
            while self._take(","):
                order_by.append(self._ordering())
        limit = offset = None
        if self._take("LIMIT"):
            limit = self.expression(0)
            if self._take("OFFSET"):
                offset = self.expression(0)
            elif self._take(","):
                limit, offset = self.expression(0), limit
        return replace(first, others=tuple(others), order_by=tuple(order_by), limit=limit, offset=offset)

    def raising(self) -> Raise:
        self._expect("(")
        action = self._next("ABORT, FAIL, ROLLBACK or IGNORE").value.upper()
        message = None
        if action != "IGNORE":
            self._expect(",")
            message = self.expression(0)
        self._expect(")")
        return Raise(action, message)

    def _compound(self) -> str | None:
        if self._take("UNION"):
            return "UNION ALL" if self._take("ALL") else "UNION"
        return next((word for word in ("EXCEPT", "INTERSECT") if self._take(word)), None)

    def _core(self) -> Select:
        self._expect("SELECT")
        distinct = self._take("DISTINCT")
        if not distinct:
            self._take("ALL")
        items = [self._item()]
        while self._take(","):
            items.append(self._item())
        sources = self._sources() if self._take("FROM") else ()
        where = self.expression(0) if self._take("WHERE") else None
        group_by: list[Expression] = []
        if self._words("GROUP", "BY"):
            group_by.append(self.expression(0))
            while self._take(","):
                group_by.append(self.expression(0))
        having = self.expression(0) if self._take("HAVING") else None
        return Select(tuple(items), sources, where, tuple(group_by), having, distinct)

    def _item(self) -> Item:
        if self._take("*"):
            return Item(None)
        ahead = self._tokens[self._at : self._at + 3]
        if len(ahead) == 3 and ahead[0].can_name and ahead[1].is_operator(".") and ahead[2].is_operator("*"):
            self._at += 3
            return Item(None, table=ahead[0].value)
        first = self._at
        expression = self.expression(0)
        text = self._sql[self._tokens[first].start : self._tokens[self._at - 1].end]
        return Item(expression, self._alias(), text=text)

    def _alias(self) -> str | None:
        if self._take("AS"):
            return self._next("a name").value
        token = self._peek()
        if token is None or not token.can_name:
            return None
        if token.kind is Kind.WORD and token.value.upper() in _NO_ALIAS:
            return None
        self._at += 1
        return token.value

    def _sources(self) -> tuple[From, ...]:
        found = [self._source("")]
        while join := self._join():
            found.append(self._source(join))
        return tuple(found)

    def _join(self) -> str:
        if self._take(","):
            return "CROSS JOIN"
        if self._take("JOIN"):
            return "JOIN"
        for kind in ("LEFT", "RIGHT", "FULL", "INNER", "CROSS"):
            if self._take(kind):
                self._take("OUTER")
                self._expect("JOIN")
                return "JOIN" if kind == "INNER" else f"{kind} JOIN"
        return ""

    def _source(self, join: str) -> From:
        if self._take("("):
            query, name = self._enclosed(), ""
        else:
            query, name = None, self.table_name()
        alias = self._alias()
        on = self.expression(0) if self._take("ON") else None
        using = self.names() if self._take("USING") else ()
        return From(name, query, alias, join, on, using)

    def _ordering(self) -> Ordering:
        expression = self.expression(0)
        descending = self._take("DESC")
        if not descending:
            self._take("ASC")
        nulls = self._next("FIRST or LAST").value.upper() if self._take("NULLS") else None
        return Ordering(expression, descending, nulls)

    # Names

    def table_name(self) -> str:
        """A table's name, perhaps behind `main.`."""
        name = self.name("the name of a table")
        return self.name("the name of a table") if self._take(".") else name

    def names(self) -> tuple[str, ...]:
        """A list of names in parentheses."""
        self._expect("(")
        found = [self.name("a name")]
        while self._take(","):
            found.append(self.name("a name"))
        self._expect(")")
        return tuple(found)

    def name(self, wanted: str) -> str:
        token = self._next(wanted)
        if not token.can_name:
            raise self._unexpected(wanted, back=1)
        return token.value

    def _words(self, *words: str) -> bool:
        """Pass several keywords, or none."""
        ahead = self._tokens[self._at : self._at + len(words)]
        found = len(ahead) == len(words) and all(
            token.is_word(word) for token, word in zip(ahead, words, strict=True)
        )
        self._at += len(words) * found
        return found
