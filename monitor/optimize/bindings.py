"""Values for a query's parameters, taken from the data where the log has none."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from monitor.optimize.statement import parameters, quoted
from monitor.optimize.terms import Parameter

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from monitor.optimize.querylog import Entry, Query, Values
    from monitor.optimize.structure import Structure

#: Where in a table rows are looked up, as parts of its length: ordinary rows, not its first or last ones.
_PLACES: Final = (0.5, 0.2, 0.8, 0.35, 0.65)
_PAGE: Final = 20


def bound(
    connection: sqlite3.Connection, query: Query, used: Sequence[Parameter], structure: Structure
) -> tuple[tuple[Entry, ...], bool]:
    """Return runs of a query with a value for every parameter, and whether the values were sampled.

    Args:
        connection: the copy's.
        query: what to run.
        used: what its parameters are compared with, in the order they are written.
        structure: the database's.
    """
    if not parameters(query.sql):
        return query.runs, False
    complete = tuple(run for run in query.runs if run.values is not None)
    if complete:
        return complete, False
    written = parameters(query.sql)
    used = (*used, *[Parameter()] * (len(written) - len(used)))  # sqlglot could not read the statement
    runs = []
    for place in _PLACES[:3]:
        rows = _rows(connection, used, structure, place)
        values = [_value(parameter, rows, place) for parameter in used]
        runs.append(replace(query.runs[0], values=_arranged(written, values)))
    return tuple({repr(run.values): run for run in runs}.values()), True


def _rows(
    connection: sqlite3.Connection, used: Sequence[Parameter], structure: Structure, place: float
) -> dict[str, list[Mapping[str, Any]]]:
    """Take a few neighbouring rows of every table that parameters are compared with."""
    rows: dict[str, list[Mapping[str, Any]]] = {}
    for name in {parameter.table for parameter in used if parameter.table}:
        table = structure.tables[name]
        offset = int(table.rows * place)
        found = connection.execute(
            f"SELECT * FROM {quoted(table.name)} LIMIT 8 OFFSET ?",  # noqa: S608
            (offset,),
        )
        titles = [column[0].lower() for column in found.description]
        rows[name] = [dict(zip(titles, row, strict=True)) for row in found.fetchall()]
    return rows


def _value(parameter: Parameter, rows: Mapping[str, list[Mapping[str, Any]]], place: float) -> Any:
    if parameter.use == "limit":
        return _PAGE
    if parameter.use == "offset":
        return 0
    found = rows.get(parameter.table or "", [])
    values = [row.get(parameter.column or "") for row in found]
    value = next((value for value in values if value is not None), None)
    if parameter.use == "like":
        if isinstance(value, bytes):
            value = value.decode(errors="replace")
        return f"{str(value)[:3]}%" if value is not None else "a%"
    if value is None and not parameter.table:
        return 1 + int(place * 10)
    return value


def _arranged(written: Sequence[str], values: Sequence[Any]) -> Values:
    """Put values in the order, or under the names, that SQLite binds them by."""
    if any(name[0] != "?" for name in written):
        if all(name[0] != "?" for name in written):
            return {name[1:]: value for name, value in zip(written, values, strict=True)}
        return tuple(values)
    places: dict[int, Any] = {}
    last = 0
    for name, value in zip(written, values, strict=True):
        last = int(name[1:]) if len(name) > 1 else last + 1
        places.setdefault(last, value)
    return tuple(places.get(number) for number in range(1, max(places) + 1))
