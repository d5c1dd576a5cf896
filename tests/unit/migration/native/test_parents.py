"""Orphans counted on the way, by the ids of the parents, are those that SQLite finds by looking."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migration.schema.read import read_schema
from migration.source.parts import parts_of
from migration.values.parents import MOST_IDS, known_ids
from migration.values.profile import profile_values

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from migration.native.library import NativeReader

SCHEMA = """
CREATE TABLE parent (id INTEGER PRIMARY KEY, note TEXT);
CREATE TABLE child (
  id INTEGER PRIMARY KEY, typed INTEGER REFERENCES parent (id), free REFERENCES parent,
  words TEXT REFERENCES parent (id),
  above INTEGER REFERENCES child (id), twice INTEGER REFERENCES parent (id) REFERENCES child (id));
"""
_IDS = st.integers(-70, 70)
_ODD = st.sampled_from([None, None, "3", "x", 3.0, 2.5, b"3", 2**63 - 1, -(2**63)])
_REFERENCES = st.one_of(_IDS, _IDS, _IDS, _ODD)


def make(path: Path, parents: list[int], children: list[list[object]]) -> Path:
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(SCHEMA)
        connection.executemany("INSERT INTO parent (id) VALUES (?)", ((number,) for number in parents))
        connection.executemany("INSERT INTO child VALUES (NULL, ?, ?, ?, ?, ?)", children)
    return path


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    parents=st.lists(_IDS, unique=True, max_size=30),
    children=st.lists(st.lists(_REFERENCES, min_size=5, max_size=5), max_size=40),
)
def test_orphans_are_the_same_whether_counted_on_the_way_or_looked_up(
    parents: list[int],
    children: list[list[object]],
    tmp_path: Path,
    read: Callable[[Path], NativeReader],
) -> None:
    path = make(tmp_path / "any.db", parents, children)
    source = read_schema(path)
    readers = [read(path), read(path)]
    try:
        on_the_way = profile_values(path, source, readers=readers).tables["child"].orphans
        assert on_the_way == profile_values(path, source).tables["child"].orphans
    finally:
        for reader in readers:
            reader.close()


@pytest.mark.parametrize(
    ("parents", "children", "known"),
    [
        ([1, 2, 3], 100, ["parent"]),
        ([1, 100_000], 10, []),
        ([1, MOST_IDS + 1], 10, []),
        ([-(2**63), 2**63 - 1], 10, []),
        ([], 10, []),
    ],
    ids=["few parents", "few children", "too much memory", "all numbers", "no parents"],
)
def test_parents_are_read_only_where_that_is_cheaper_than_to_look_each_one_up(
    parents: list[int],
    children: int,
    known: list[str],
    tmp_path: Path,
    read: Callable[[Path], NativeReader],
) -> None:
    path = make(tmp_path / "any.db", parents, [[1, None, None, None, None]] * children)
    source = read_schema(path)
    with closing(sqlite3.connect(path)) as connection:
        parts = {table.name: parts_of(connection, table) for table in source.tables}
    found = known_ids(source, read(path), parts)
    assert [name for name in found if name == "parent"] == known
