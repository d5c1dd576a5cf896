"""Virtual tables: what their declarations say, and the ordinary tables that hold their rows.

FTS keeps the texts themselves in a shadow table, unless they belong to another table (content=name) or are
kept nowhere (content=''); rtree keeps its rows in nodes that only its module reads. Sources:
sqlite.org/fts5.html (4), fts3.html (6), rtree.html.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migration.schema.source import Column, PrimaryKey, Table
from migration.schema.tokens import BadSqlError, Token, tokenize

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

FTS = frozenset({"fts3", "fts4", "fts5"})
RTREE = frozenset({"rtree", "rtree_i32"})
#: Options of FTS; in FTS4 a name before = that is none of them would be an error.
_FLAG = "unindexed"


@dataclass(frozen=True)
class VirtualTable:
    """One CREATE VIRTUAL TABLE, read.

    `columns` of FTS are those that are searched and those that are not; `content` is the table that has the
    texts ('' for none at all, None where the virtual table has them itself), `content_rowid` its key.
    """

    name: str
    module: str
    columns: tuple[str, ...]
    unindexed: frozenset[str] = frozenset()
    content: str | None = None
    content_rowid: str | None = None
    tokenizer: str = ""
    compressed: bool = False
    sql: str = ""

    @property
    def searched(self) -> tuple[str, ...]:
        """The columns of FTS that MATCH looks at."""
        return tuple(column for column in self.columns if column.casefold() not in self.unindexed)


def parse_virtual(name: str, sql: str) -> VirtualTable:
    """Read a declaration; one that cannot be read has no module."""
    try:
        tokens = tokenize(sql)
    except BadSqlError:
        return VirtualTable(name, "", (), sql=sql)
    at = next((place for place, token in enumerate(tokens) if token.is_word("USING")), len(tokens))
    module = tokens[at + 1].value.lower() if at + 1 < len(tokens) else ""
    columns: list[str] = []
    unindexed: set[str] = set()
    options: dict[str, str] = {}
    for argument in _arguments(tokens[at + 2 :]):
        if len(argument) > 1 and argument[1].is_operator("="):
            options[argument[0].value.lower()] = " ".join(token.value for token in argument[2:])
        elif module in FTS and argument[0].is_word("TOKENIZE"):  # FTS3: tokenize porter, without =
            options["tokenize"] = " ".join(token.value for token in argument[1:])
        elif module in RTREE and argument[0].is_operator("+"):
            columns.append(argument[1].value)
        else:
            columns.append(argument[0].value)
            if any(token.is_word(_FLAG.upper()) for token in argument[1:]):
                unindexed.add(argument[0].value.casefold())
    if "notindexed" in options:
        unindexed.add(options["notindexed"].casefold())
    if module in ("fts3", "fts4") and not columns:
        columns.append("content")
    return VirtualTable(
        name,
        module,
        tuple(columns),
        frozenset(unindexed),
        options.get("content") if module in FTS else None,
        options.get("content_rowid"),
        options.get("tokenize", ""),
        "compress" in options,
        sql,
    )


def _arguments(tokens: Sequence[Token]) -> list[list[Token]]:
    """The module's arguments: what stands between the commas of the outermost parentheses."""
    found: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        depth += token.is_operator("(") - token.is_operator(")")
        if depth == 0:
            break
        if depth == 1 and token.is_operator(","):
            found.append([])
        elif not (depth == 1 and token.is_operator("(")):
            found[-1].append(token)
    return [argument for argument in found if argument]


def rows_of(virtual: VirtualTable, tables: Collection[str], readable: Callable[[str], bool]) -> Table | None:
    """The table to read a virtual table's own rows from; None where it has none, or nothing can read them.

    Args:
        virtual: the virtual table.
        tables: the names of all tables of the file.
        readable: whether SQLite has the module of a virtual table here.
    """
    if virtual.module in RTREE and virtual.columns and readable(virtual.name):
        kind = "INTEGER" if virtual.module == "rtree_i32" else "REAL"
        first, *rest = virtual.columns
        # Coordinates come first, in pairs; columns of the user's own are behind them and of any type.
        own = {column.casefold() for column in _auxiliary(virtual)}
        columns = (
            Column(first, "INTEGER", not_null=True),
            *(Column(name, "" if name.casefold() in own else kind, not_null=False) for name in rest),
        )
        return Table(virtual.name, columns, PrimaryKey((first,), rowid_alias=True), virtual=True)
    if virtual.module not in FTS or virtual.content is not None:
        return None
    if readable(virtual.name):
        key = Column("rowid", "INTEGER", not_null=True)
        texts = (Column(name, "", not_null=False) for name in virtual.columns)
        return Table(virtual.name, (key, *texts), PrimaryKey(("rowid",), rowid_alias=True), virtual=True)
    shadow = next((name for name in tables if name.casefold() == f"{virtual.name}_content".casefold()), None)
    if shadow is None or virtual.compressed:
        return None
    plain = virtual.module == "fts5"
    key = Column("id" if plain else "docid", "INTEGER", not_null=True, shown="rowid")
    stored = (
        Column(f"c{place}" if plain else f"c{place}{name}", "", not_null=False, shown=name)
        for place, name in enumerate(virtual.columns)
    )
    keyed = PrimaryKey((key.name,), rowid_alias=True)
    return Table(shadow, (key, *stored), keyed, virtual=True, shown=virtual.name)


def _auxiliary(virtual: VirtualTable) -> list[str]:
    """The columns of an rtree that were declared with +."""
    arguments = _arguments(_behind_using(virtual.sql))
    return [argument[1].value for argument in arguments if argument[0].is_operator("+")]


def _behind_using(sql: str) -> list[Token]:
    tokens = tokenize(sql)
    at = next((place for place, token in enumerate(tokens) if token.is_word("USING")), len(tokens))
    return tokens[at + 2 :]
