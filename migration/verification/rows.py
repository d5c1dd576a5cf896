"""From ranges that differ to the rows that differ: reads those ranges again, row by row, on both sides."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from migration.schema.ddl import quote_identifier
from migration.verification.canonical_sql import value_sql
from migration.verification.findings import RowDifference

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from migration.target.database import Connection
    from migration.verification.layout import Layout

#: Rows shown of one table.
SHOWN = 20
#: Characters of a value shown.
_VALUE_SHOWN = 200


@dataclass(frozen=True)
class _Row:
    """One side's row: its canonical values, which decide, and its values as text, which are shown."""

    images: tuple[bytes, ...]
    texts: tuple[str | None, ...]


def differing_rows(
    reader: sqlite3.Connection, target: Connection, layout: Layout, chosen: list[int]
) -> tuple[RowDifference, ...]:
    """Name the first rows of some ranges that differ, with both values of each column that differs."""
    if not layout.keys:
        return _without_key(reader, target, layout, chosen)
    ours = {layout.key(images): hashed for _, images, hashed in _source_rows(reader, layout, chosen)}
    found = target.execute(f"SELECT k, h FROM {layout.target_rows()} WHERE r = {_any(chosen)}".encode())  # noqa: S608
    theirs = {bytes(key): hashed % 2**64 for key, hashed in found}
    keys = sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))[:SHOWN]
    wanted = set(keys)
    source = {
        layout.key(images): _Row(tuple(images), _shown(row))
        for row, images, _ in _source_rows(reader, layout, chosen)
        if layout.key(images) in wanted
    }
    there = dict(_target_rows(target, layout, "k", keys))
    return tuple(_difference(layout, source.get(key), there.get(key)) for key in keys)


def _without_key(
    reader: sqlite3.Connection, target: Connection, layout: Layout, ranges: list[int]
) -> tuple[RowDifference, ...]:
    """Rows without a key are the same or not; of equal rows the number counts."""
    ours = Counter(hashed for _, _, hashed in _source_rows(reader, layout, ranges))
    rows = layout.target_rows()
    found = target.execute(f"SELECT h, count(*) FROM {rows} WHERE r = {_any(ranges)} GROUP BY h".encode())  # noqa: S608
    theirs = Counter({hashed % 2**64: count for hashed, count in found})
    missing = sorted((ours - theirs).elements())[: SHOWN // 2]
    extra = sorted((theirs - ours).elements())[: SHOWN // 2]
    source = {
        hashed: _Row(tuple(images), _shown(row))
        for row, images, hashed in _source_rows(reader, layout, ranges)
        if hashed in missing
    }
    signed = [hashed - 2**64 if hashed >= 2**63 else hashed for hashed in extra]
    there = {hashed % 2**64: row for hashed, row in _target_rows(target, layout, "h", signed)}
    return tuple(
        [_difference(layout, source[hashed], None) for hashed in missing]
        + [_difference(layout, None, there[hashed]) for hashed in extra]
    )


def _source_rows(
    reader: sqlite3.Connection, layout: Layout, ranges: list[int]
) -> Iterator[tuple[Sequence[Any], list[bytes], int]]:
    """The source's rows of some ranges, with their canonical values and hashes."""
    chosen = set(ranges)
    for row in reader.execute(layout.source_select() + layout.source_bounds(ranges)):
        images = layout.encode(row)
        hashed = layout.row_hash(images)
        if layout.range_of(row, images, hashed) in chosen:
            yield row, images, hashed


def _target_rows(
    target: Connection, layout: Layout, mark: Literal["k", "h"], chosen: Sequence[bytes | int]
) -> Iterator[tuple[Any, _Row]]:
    """The target's rows with one of some keys or hashes."""
    if not chosen:
        return
    texts = ", ".join(
        f"left({quote_identifier(column.name)}::text, {_VALUE_SHOWN})" for column in layout.actual
    )
    images = ", ".join(value_sql(column) for column in layout.actual)
    rows = layout.target_rows(f", ARRAY[{texts}] AS texts, ARRAY[{images}] AS images")
    query = f"SELECT {mark}, images, texts FROM {rows} WHERE {mark} = {_any(chosen)}"  # noqa: S608  # names are quoted
    for found, encoded, shown in target.execute(query.encode()):
        yield (
            bytes(found) if mark == "k" else found,
            _Row(tuple(bytes(image) for image in encoded), tuple(shown)),
        )


def _any(values: Sequence[bytes | int]) -> str:
    """An ANY over numbers or bytes, as literals: a % in a column's name forbids parameters."""
    if values and isinstance(values[0], bytes):
        return (
            "ANY(ARRAY["
            + ", ".join(f"'\\x{value.hex()}'" for value in values if isinstance(value, bytes))
            + "]::bytea[])"
        )
    return "ANY(ARRAY[" + ", ".join(str(value) for value in values) + "]::bigint[])"


def _shown(row: Sequence[Any]) -> tuple[str | None, ...]:
    return tuple(_shown_value(value) for value in row)


def _shown_value(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bytearray):
        return bytes(value[: 4 * _VALUE_SHOWN]).decode("utf-8", "replace")[:_VALUE_SHOWN]
    if isinstance(value, bytes):
        return "\\x" + value[: _VALUE_SHOWN // 2].hex()
    return repr(value)


def _difference(layout: Layout, source: _Row | None, target: _Row | None) -> RowDifference:
    names = [column.name for column in layout.actual]
    known = source or target
    key = {names[position]: (known.texts[position] if known else None) or "" for position in layout.keys}
    columns: dict[str, tuple[str | None, str | None]] = {}
    for position, name in enumerate(names):
        if source is None or target is None or source.images[position] != target.images[position]:
            columns[name] = (
                source.texts[position] if source else None,
                target.texts[position] if target else None,
            )
    kind: Literal["missing", "extra", "changed"] = (
        "missing" if target is None else "extra" if source is None else "changed"
    )
    return RowDifference(kind, key, columns)
