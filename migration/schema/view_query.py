"""Translates views that `views` cannot: expression by expression, as triggers are, with typed values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.schema import ddl
from migration.schema.query import QueryParser
from migration.schema.relations import Catalog, QueryScope
from migration.schema.tokens import BadSqlError
from migration.schema.translate_query import QueryTranslator
from migration.schema.typed import Kind, Typed, UntranslatableError
from migration.schema.view_names import Output

if TYPE_CHECKING:
    from migration.schema.draft import PlanDraft
    from migration.schema.query import Select
    from migration.schema.source import OtherObject

_TYPES: dict[Kind, str] = {
    "integer": "bigint",
    "real": "double precision",
    "number": "numeric",
    "text": "text",
    "boolean": "boolean",
    "bytes": "bytea",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
    "date": "date",
    "time": "time without time zone",
    "uuid": "uuid",
    "json": "json",
}


class _ViewParser(QueryParser):
    def view(self) -> tuple[tuple[str, ...], Select]:
        """The columns that the view lists, if it does, and its SELECT."""
        self._expect("CREATE")
        self._take("TEMP")
        self._take("TEMPORARY")
        self._expect("VIEW")
        self._words("IF", "NOT", "EXISTS")
        self.table_name()
        token = self._peek()
        columns = self.names() if token is not None and token.is_operator("(") else ()
        self._expect("AS")
        query = self.select()
        self._take(";")
        self.expect_end()
        return columns, query


def translate_view(draft: PlanDraft, view: OtherObject, name: str) -> tuple[str, list[Output]]:
    """CREATE VIEW for PostgreSQL, and the view's columns.

    Raises:
        UntranslatableError: it has no counterpart that shows the same.
    """
    try:
        columns, query = _ViewParser(view.sql).view()
    except BadSqlError as error:
        raise UntranslatableError(error.why) from None
    found = QueryTranslator(Catalog(draft), QueryScope(())).select(query)
    named = columns or found.names
    spelled = [draft.spell(column) for column in named]
    if len(set(spelled)) < len(spelled) or len(spelled) != len(found.results):
        raise UntranslatableError("several of its columns have one name")
    listed = ddl.quote_columns(spelled)
    outputs = [
        _output(column, source, result)
        for column, source, result in zip(spelled, named, found.results, strict=True)
    ]
    return f"CREATE VIEW {ddl.qualified(draft.schema, name)} ({listed}) AS\n{found.sql}", outputs


def _output(name: str, source: str, result: Typed) -> Output:
    shown = result.type or _TYPES.get(result.kind, "")
    return Output(
        name,
        shown,
        result.collation is not None,
        plain=result.column,
        loose=result.loose,
        collation=result.collation,
        source=source,
    )
