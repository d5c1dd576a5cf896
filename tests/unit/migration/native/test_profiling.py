"""The compiled count of a file is the one that SQLite and Python make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migration.schema.read import read_schema
from migration.values.profile import profile_values

from .conftest import DAMAGED, VALUES, row_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from migration.native.library import NativeReader

_ANY = st.one_of(VALUES, DAMAGED.map(lambda value: (value,)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(rows=st.lists(row_of(_ANY), max_size=6))
def test_the_compiled_count_of_any_values_is_the_one_of_sqlite_and_python(
    rows: list[list[object]],
    fill: Callable[[list[list[object]]], Path],
    read: Callable[[Path], NativeReader],
) -> None:
    path = fill(rows)
    source = read_schema(path)
    readers = [read(path), read(path)]
    try:
        assert profile_values(path, source, readers=readers) == profile_values(path, source)
    finally:
        for reader in readers:
            reader.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(value=VALUES, others=st.lists(VALUES, max_size=3))
def test_columns_of_one_class_are_counted_alike(
    value: object,
    others: list[object],
    fill: Callable[[list[list[object]]], Path],
    read: Callable[[Path], NativeReader],
) -> None:
    path = fill([[item] * 16 for item in (value, value, *others)])
    source = read_schema(path)
    reader = read(path)
    try:
        assert profile_values(path, source, readers=[reader]) == profile_values(path, source)
    finally:
        reader.close()
