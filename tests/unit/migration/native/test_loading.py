"""What C writes for COPY is what Python's exact converters would have written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migration.native.loading import Operation, blocks, has_loop, operation
from migration.planning import plan_migration
from migration.source.connection import open_source
from migration.values.convert import converter, select_list
from migration.values.copy_binary import field_encoder, row

from .conftest import VALUES, row_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from migration.native.library import NativeReader
    from migration.schema.target import TargetTable


def by_python(table: TargetTable, stored: Sequence[object]) -> bytes:
    return row(
        [
            field_encoder(column)(converter(column)(value))
            for column, value in zip(table.copied, stored, strict=True)
        ]
    )


def both(path: Path, read: Callable[[Path], NativeReader]) -> tuple[list[bytes], list[bytes], int]:
    """All rows as C writes them (Python the odd ones), all as Python writes them, and how many were odd."""
    (table,) = plan_migration(path).tables
    assert has_loop(table)
    query = f"SELECT {select_list(table)}, id FROM t ORDER BY id"
    connection = open_source(path)
    connection.text_factory = str
    expected = [by_python(table, stored[:-1]) for stored in connection.execute(query)]
    connection.close()
    written: list[bytes] = []
    odd = 0
    reader = read(path)
    for block in blocks(reader, table, query, (), with_id=True):
        written.append(bytes(block.content))
        if block.odd is not None:
            stored = [value.decode() if isinstance(value, bytearray) else value for value in block.odd[:-1]]
            written.append(by_python(table, stored))
            assert block.odd[-1] == block.last
            odd += 1
    reader.close()
    return [b"".join(written)], [b"".join(expected)], odd


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(rows=st.lists(row_of(VALUES.filter(lambda value: "\0" not in str(value))), max_size=6))
def test_rows_of_any_values_are_written_as_python_writes_them(
    rows: list[list[object]],
    fill: Callable[[list[list[object]]], Path],
    read: Callable[[Path], NativeReader],
) -> None:
    written, expected, _ = both(fill(rows), read)
    assert written == expected


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(value=VALUES.filter(lambda value: "\0" not in str(value)))
def test_a_column_of_one_value_is_written_as_python_writes_it(
    value: object, fill: Callable[[list[list[object]]], Path], read: Callable[[Path], NativeReader]
) -> None:
    written, expected, _ = both(fill([[value] * 16, [None] * 16]), read)
    assert written == expected


def test_ordinary_rows_need_no_python(
    fill: Callable[[list[list[object]]], Path], read: Callable[[Path], NativeReader]
) -> None:
    ordinary = [
        *(7, -3, 1.5, 12.34, 3, "naïve", "text", b"\0\xff", 1, "2024-02-29 10:11:12.345"),
        *("2024-02-29T10:11:12Z", "1999-12-31", "23:59:59.999999", "c0ffee00-0000-4000-8000-00000000000a"),
        *('{"a": [1]}', "anything"),
    ]
    written, expected, odd = both(fill([ordinary] * 3), read)
    assert written == expected
    assert odd == 0


def test_a_row_larger_than_a_block_is_written_whole(
    fill: Callable[[list[list[object]]], Path], read: Callable[[Path], NativeReader]
) -> None:
    large: list[object] = [None] * 16
    large[6], large[7] = "é" * 700_000, bytes(900_000)
    written, expected, odd = both(fill([large, [None] * 16, large]), read)
    assert written == expected
    assert odd == 0


def test_a_column_with_a_rule_that_c_does_not_know_is_left_to_python(
    fill: Callable[[list[list[object]]], Path],
) -> None:
    (table,) = plan_migration(fill([[1] * 16])).tables
    known = {operation(column) for column in table.copied}
    assert Operation.ODD not in known
