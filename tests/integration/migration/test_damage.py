"""Damaged files: refused with the damage named, or migrated with all that can be read. Never less, silently.

OUTGROW_EXAMPLES=500 damages that many.
"""

from __future__ import annotations

import os
import random
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from migration.errors import MigrationError, SourceRefusedError
from migration.run import RunOptions, run_migration
from migration.schema.options import PlanOptions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EXAMPLES = int(os.environ.get("OUTGROW_EXAMPLES", "12"))
#: Nobody answers there: a run that gets so far as to connect fails otherwise than the test wants.
NOWHERE = "postgresql:///none?host=/nonexistent"


def as_stored(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def test_a_file_cut_off_anywhere_is_refused_as_cut_off(small_shop: Path, tmp_path: Path) -> None:
    whole = small_shop.read_bytes()
    path = tmp_path / "cut.db"
    lengths = [1, 15, 16, 99, 100, 511, 512, *range(700, len(whole), 1_237), len(whole) - 1]
    for length in (*lengths, *range(4096, len(whole), 4096)):
        path.write_bytes(whole[:length])
        with pytest.raises(SourceRefusedError, match=r"is cut off|is not a SQLite database"):
            run_migration(path, NOWHERE)


@pytest.mark.parametrize("seed", range(EXAMPLES))
def test_flipped_bytes_are_named_or_change_nothing_but_what_they_hit(
    seed: int,
    small_shop: Path,
    database: str,
    differences: Callable[..., list[str]],
) -> None:
    chance = random.Random(seed)
    content = bytearray(small_shop.read_bytes())
    page = chance.choice([0, *range(len(content) // 4096)])
    for _ in range(chance.choice([1, 1, 2, 8, 64])):
        at = page * 4096 + chance.randrange(chance.choice([100, 4096]))
        content[at] = chance.choice([0, 255, content[at] ^ (1 << chance.randrange(8))])
    small_shop.write_bytes(content)
    try:
        report = run_migration(small_shop, database)
    except MigrationError:  # named; whatever else is raised fails the test
        return
    assert all(table.equal for table in report.tables)
    content_ = report.to_json()
    left = {item[key] for item in content_["left"] for key in ("name", "table")}
    left |= {item["object"] for item in content_["notes"] if item["level"] == "left"}
    rejected = {table.name: table.rejected for table in report.tables}
    assert differences(small_shop, database, left=left, rejected=rejected, text=as_stored) == []


#: What holds the text ZZ, which is then overwritten with bytes that are no text.
PLACES = {
    "a table's name": "CREATE TABLE tabZZ (a int); INSERT INTO tabZZ VALUES (1)",
    "a column's name": "CREATE TABLE t (colZZ int, b text); INSERT INTO t VALUES (1, 'x')",
    "a type": "CREATE TABLE t (a typZZ); INSERT INTO t VALUES (1)",
    "a default": "CREATE TABLE t (a text DEFAULT 'ZZ', b int); INSERT INTO t VALUES ('x', 1)",
    "a CHECK": "CREATE TABLE t (a text CHECK (a <> 'ZZ')); INSERT INTO t VALUES ('x')",
    "a constraint's name": "CREATE TABLE t (a int, CONSTRAINT cZZ CHECK (a > 0)); INSERT INTO t VALUES (1)",
    "a comment": "CREATE TABLE t (a text /* ZZ */); INSERT INTO t VALUES ('x')",
    "an index": "CREATE TABLE t (a); CREATE INDEX iZZ ON t (a) WHERE a <> 'ZZ'; INSERT INTO t VALUES ('x')",
    "a view": "CREATE TABLE t (a); CREATE VIEW vZZ AS SELECT a, 'ZZ' AS b FROM t; INSERT INTO t VALUES ('x')",
    "a trigger": (
        "CREATE TABLE t (a text); CREATE TRIGGER tZZ AFTER INSERT ON t BEGIN SELECT 'ZZ'; END;"
        " INSERT INTO t VALUES ('x')"
    ),
    "a generated column": "CREATE TABLE t (a text, b text AS (a || 'ZZ')); INSERT INTO t (a) VALUES ('x')",
    "a foreign key": "CREATE TABLE u (a text REFERENCES pZZ (cZZ)); INSERT INTO u VALUES ('key')",
    "values": (
        "CREATE TABLE t (id integer PRIMARY KEY, a text, b varchar(9), c datetime, d int, e json, f blob, g);"
        " INSERT INTO t VALUES (1, 'ZZ', 'ZZ', 'ZZ', 'ZZ', 'ZZ', 'ZZ', 'ZZ')"
    ),
    "keys": (
        "CREATE TABLE t (a text PRIMARY KEY) WITHOUT ROWID; INSERT INTO t VALUES ('ZZ');"
        " CREATE TABLE u (a text REFERENCES t (a)); INSERT INTO u VALUES ('ZZ')"
    ),
}
#: In the file's encoding: the text, and what no text of that encoding may contain.
NO_TEXT = {"UTF-8": b"\xff\xfe", "UTF-16le": b"\x00\xd8\x00\xd8", "UTF-16be": b"\xd8\x00\xd8\x00"}


OF_VALUES = ("values", "keys", "a generated column")


@pytest.mark.parametrize(
    ("encoding", "policy", "places"),
    [
        ("UTF-8", "replace", tuple(PLACES)),
        ("UTF-8", "refuse", OF_VALUES),
        ("UTF-8", "latin-1", OF_VALUES),
        ("UTF-8", "reject", OF_VALUES),
        ("UTF-8", "bytea", OF_VALUES),
        ("UTF-16le", "replace", tuple(PLACES)),
        ("UTF-16be", "latin-1", OF_VALUES),
        ("UTF-16be", "bytea", OF_VALUES),
    ],
)
def test_bytes_that_are_no_text_are_named_or_replaced_wherever_they_stand(
    encoding: str, policy: Any, places: tuple[str, ...], tmp_path: Path, database: str
) -> None:
    for place in places:
        path = tmp_path / f"{place}.db"
        with closing(sqlite3.connect(path)) as source:
            source.execute(f"PRAGMA encoding = '{encoding}'")
            source.executescript(PLACES[place])
        content = path.read_bytes()
        assert "ZZ".encode(encoding) in content
        path.write_bytes(content.replace("ZZ".encode(encoding), NO_TEXT[encoding]))
        try:
            report = run_migration(path, database, RunOptions(PlanOptions(schema=place, invalid_utf8=policy)))
        except MigrationError:
            assert policy == "refuse" or place not in OF_VALUES
            continue
        assert all(table.equal for table in report.tables), place
        assert report.verification is not None
        assert not report.verification["surprises"], (place, report.verification)
        assert sum(table.rows + table.rejected for table in report.tables) >= 1
        assert policy != "refuse", "such a text is not changed without leave"
