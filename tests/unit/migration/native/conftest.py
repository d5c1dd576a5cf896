"""Files whose columns hold anything, and the compiled library, which CI must have."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import strategies as st

from migration.native.library import NativeReader, library

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from ctypes import CDLL
    from pathlib import Path

TYPES = (
    "INTEGER",
    "SMALLINT",
    "REAL",
    "DECIMAL(10,2)",
    "NUMERIC",
    "VARCHAR(20)",
    "TEXT",
    "BLOB",
    "BOOLEAN",
    "DATETIME",
    "TIMESTAMP WITH TIME ZONE",
    "DATE",
    "TIME",
    "UUID",
    "JSON",
    "",
)
_MOMENTS = st.one_of(
    st.datetimes().map(lambda value: value.isoformat(" ")),
    st.datetimes().map(lambda value: value.isoformat("T") + "Z"),
    st.datetimes().map(lambda value: value.strftime("%Y-%m-%d %H:%M").rjust(16, "0")),
    st.dates().map(str),
    st.times().map(str),
    st.from_regex(
        r"\A[0-2]\d{3}-[01]\d-[0-3]\d[ T][0-2]\d:[0-5]\d(:[0-6]\d(\.\d{1,7})?)?([+-]\d\d:?\d\d)?\Z"
    ),
    st.sampled_from(
        ["", "0000-00-00", "24:00", "2024-02-30", "12:30:60", "now", "9999-12-31 23:59:59+01:00"]
    ),
)
_NUMBERS = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-3, 3),
    st.floats(allow_nan=False),
    st.integers(-(10**9), 10**9).map(lambda value: value / 100),
    st.sampled_from([0.0, -0.0, 1e15, -1e15, 0.005, 1.005, 2**53, 2**53 + 1, 99_999_999.99, 5e-324]),
)
_UUIDS = st.uuids().flatmap(
    lambda value: st.sampled_from([str(value), value.hex, str(value).upper(), value.bytes, f"{{{value}}}"])
)
VALUES = st.one_of(
    st.none(),
    _NUMBERS,
    _MOMENTS,
    _UUIDS,
    st.text(max_size=30).map(lambda text: text.encode("utf-8", "replace").decode()),
    st.binary(max_size=20),
    st.sampled_from(["true", "f", "1", '{"a": 1}', "[1e400]", "a\tb\\n", "null", "12", "007"]),
)
#: Bytes that are stored as text although they are none.
DAMAGED = st.binary(max_size=12).map(lambda value: value + b"\xff\x00"[: len(value) % 3])


@pytest.fixture(scope="session")
def native() -> CDLL:
    """The compiled library. Where there is no compiler the test is skipped, except in CI, which has one."""
    loaded = library()
    if loaded is None:
        assert not os.environ.get("CI"), "CI compiles the library"
        pytest.skip("no C compiler here")
    return loaded


@pytest.fixture
def fill(tmp_path: Path) -> Callable[[Sequence[Sequence[object]]], Path]:
    """Makes a file with a table `t` that has a column of each of `TYPES` (c0, c1, ...) and the given rows.

    A tuple stands for bytes that are stored as text.
    """

    def make(rows: Sequence[Sequence[object]]) -> Path:
        path = tmp_path / "any.db"
        path.unlink(missing_ok=True)
        columns = ", ".join(f"c{at} {name}" for at, name in enumerate(TYPES))
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(f"CREATE TABLE t (id INTEGER PRIMARY KEY, {columns})")
            for row in rows:
                marks = ", ".join("CAST(? AS TEXT)" if isinstance(value, tuple) else "?" for value in row)
                values = [value[0] if isinstance(value, tuple) else value for value in row]
                connection.execute(f"INSERT INTO t VALUES (NULL, {marks})", values)
        return path

    return make


@pytest.fixture
def read(native: CDLL) -> Iterator[Callable[[Path], NativeReader]]:
    """Opens a file with the compiled library."""
    opened: list[NativeReader] = []

    def make(path: Path) -> NativeReader:
        opened.append(NativeReader(native, path, immutable=False))
        return opened[-1]

    yield make
    for reader in opened:
        reader.close()


def row_of(value: st.SearchStrategy[object]) -> st.SearchStrategy[list[object]]:
    return st.lists(value, min_size=len(TYPES), max_size=len(TYPES))
