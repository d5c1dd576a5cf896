"""Virtual tables: their rows arrive, their searches become indexes, and the rest is named."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from migration.planning import PlanOptions, plan_migration
from migration.run import RunOptions, run_migration
from migration.schema import read

if TYPE_CHECKING:
    from pathlib import Path

    from migration.running.report import RunReport

SEARCHES = """
CREATE TABLE posts (id INTEGER PRIMARY KEY, title TEXT, body TEXT, n INT);
INSERT INTO posts VALUES (1, 'Hello', 'big worlds', 1), (2, 'Other', NULL, 2);
CREATE VIRTUAL TABLE posts_fts USING fts5(
  title, body, content='posts', content_rowid='id', tokenize='porter');
CREATE TRIGGER posts_ai AFTER INSERT ON posts BEGIN
  INSERT INTO posts_fts (rowid, title, body) VALUES (NEW.id, NEW.title, NEW.body);
END;
CREATE TRIGGER posts_ad AFTER DELETE ON posts BEGIN
  INSERT INTO posts_fts (posts_fts, rowid, title, body) VALUES ('delete', OLD.id, OLD.title, OLD.body);
END;
CREATE VIRTUAL TABLE notes USING fts5("the title", body, tag UNINDEXED);
INSERT INTO notes (rowid, "the title", body, tag) VALUES (5, 'a', 'alpha beta', 'x'), (9, 'b', 'gamma', NULL);
CREATE VIRTUAL TABLE mail USING fts4(subject, body TEXT, notindexed=subject);
INSERT INTO mail (docid, subject, body) VALUES (3, 's', 'hi there');
CREATE TRIGGER note_copy AFTER INSERT ON posts WHEN NEW.n > 5 BEGIN
  INSERT INTO notes (rowid, "the title") VALUES (NEW.id, NEW.title);
END;
"""


def migrate(path: Path, schema: str, dsn: str, **options: Any) -> RunReport:
    with closing(sqlite3.connect(path)) as source:
        source.executescript(schema)
    return run_migration(path, dsn, RunOptions(plan=PlanOptions(**options)))


def test_rows_that_only_a_full_text_table_has_arrive(tmp_path: Path, database: str) -> None:
    report = migrate(tmp_path / "s.db", SEARCHES, database)
    assert not report.verification["surprises"] if report.verification else False
    with psycopg.connect(database) as target:
        notes = target.execute('SELECT rowid, "the title", body, tag FROM notes ORDER BY 1').fetchall()
        assert notes == [(5, "a", "alpha beta", "x"), (9, "b", "gamma", None)]
        assert target.execute("SELECT rowid, subject, body FROM mail").fetchall() == [(3, "s", "hi there")]
        target.execute("INSERT INTO posts VALUES (20, 'copied', '', 6)")
        assert target.execute('SELECT "the title" FROM notes WHERE rowid = 20').fetchall() == [("copied",)]
        assert target.execute("INSERT INTO mail (body) VALUES ('x') RETURNING rowid").fetchone() == (4,)
        tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
        assert [row[0] for row in target.execute(tables)] == ["mail", "notes", "posts"]
    left = {item.name: item for item in report.left}
    assert {"posts_fts", "notes", "mail", "posts_ai", "posts_ad"} == set(left)
    assert left["notes"].sql.startswith("CREATE VIRTUAL TABLE notes")
    assert "--fts tsvector" in left["posts_fts"].why
    assert report.exit_code == 3


def test_without_its_module_the_rows_are_read_from_the_table_behind_it(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read._Reader, "_readable", lambda _self, _table: False)
    migrate(tmp_path / "s.db", SEARCHES, database)
    with psycopg.connect(database) as target:
        notes = target.execute('SELECT rowid, "the title", body, tag FROM notes ORDER BY 1').fetchall()
        assert notes == [(5, "a", "alpha beta", "x"), (9, "b", "gamma", None)]
        assert target.execute("SELECT rowid, subject, body FROM mail").fetchall() == [(3, "s", "hi there")]


def test_a_search_becomes_an_index_over_the_texts(tmp_path: Path, database: str) -> None:
    report = migrate(tmp_path / "s.db", SEARCHES, database, fts="tsvector")
    assert report.exit_code == 0
    said = {note.object: note.text for note in report.notes}
    assert "up to date" in said["posts_ai"]
    with psycopg.connect(database) as target:
        target.execute("INSERT INTO posts VALUES (3, 'Third', 'the world is small', 0)")
        condition = said["posts_fts"].partition("WHERE ")[2].replace("'words'", "'WORLD'")
        found = target.execute(f"SELECT id FROM posts WHERE {condition} ORDER BY 1".encode())
        assert found.fetchall() == [(1,), (3,)]  # stemmed, as porter did
        target.execute("SET enable_seqscan = off")
        plan = target.execute(f"EXPLAIN SELECT id FROM posts WHERE {condition}".encode()).fetchall()
        assert "posts_fts_search" in str(plan)
        columns = "SELECT count(*) FROM information_schema.columns WHERE table_name = 'posts'"
        assert target.execute(columns).fetchone() == (4,)
        assert target.execute("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal").fetchone() == (1,)


def test_the_rows_of_an_rtree_arrive_as_a_table(tmp_path: Path, database: str) -> None:
    schema = """
        CREATE VIRTUAL TABLE box USING rtree(id, minX, maxX, +label TEXT);
        INSERT INTO box VALUES (1, 0.5, 1.5, 'one'), (7, -3, 4, 'two');
        CREATE VIRTUAL TABLE ibox USING rtree_i32(id, low, high); INSERT INTO ibox VALUES (2, 1, 2);
    """
    report = migrate(tmp_path / "r.db", schema, database)
    assert report.exit_code == 0
    with psycopg.connect(database) as target:
        boxes = target.execute('SELECT id, "minX", "maxX", label FROM box ORDER BY id').fetchall()
        assert boxes == [(1, 0.5, 1.5, "one"), (7, -3.0, 4.0, "two")]
        assert target.execute("SELECT * FROM ibox").fetchall() == [(2, 1, 2)]
    assert ("changed", "box") in {(note.level, note.object) for note in report.notes}


def test_a_geopackage_keeps_its_geometries_as_bytes(tmp_path: Path, database: str) -> None:
    schema = """
        CREATE TABLE gpkg_contents (table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL,
          last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')), min_x DOUBLE);
        INSERT INTO gpkg_contents VALUES ('city', 'features', '2024-01-02T03:04:05.678Z', 1.5);
        CREATE TABLE city (fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, geom POINT, name TEXT);
        INSERT INTO city (geom, name) VALUES (x'47500001e6100000', 'A'), (NULL, 'B');
        CREATE TABLE road (fid INTEGER PRIMARY KEY, geom LINESTRING);
        CREATE VIRTUAL TABLE rtree_city_geom USING rtree(id, minx, maxx, miny, maxy);
        INSERT INTO rtree_city_geom VALUES (1, 0, 0, 1, 1);
        CREATE TRIGGER rtree_city_geom_insert AFTER INSERT ON city
          WHEN (new.geom NOT NULL AND NOT ST_IsEmpty(NEW.geom)) BEGIN
          INSERT OR REPLACE INTO rtree_city_geom VALUES (NEW.fid, ST_MinX(NEW.geom), ST_MaxX(NEW.geom),
            ST_MinY(NEW.geom), ST_MaxY(NEW.geom)); END;
    """
    report = migrate(tmp_path / "g.gpkg", schema, database)
    with psycopg.connect(database) as target:
        assert target.execute("SELECT geom FROM city ORDER BY fid").fetchall() == [
            (bytes.fromhex("47500001e6100000"),),
            (None,),
        ]
        types = "SELECT format_type(atttypid, -1) FROM pg_attribute WHERE attname = 'geom'"
        assert set(target.execute(types).fetchall()) == {("bytea",)}
        assert target.execute("SELECT count(*) FROM rtree_city_geom").fetchone() == (1,)
    (left,) = [item for item in report.left if item.kind == "trigger"]
    assert "st_isempty" in left.why


@pytest.mark.parametrize(
    ("declared", "why"),
    [
        ("USING fts5(a, content='')", "keeps the words"),
        ("USING fts5(a, content='nowhere')", "no table nowhere"),
        ("USING fts5vocab('other', 'row')", "no module fts5vocab"),
        ("USING dbstat", "no module dbstat"),
        ("USING mod_app(x, y)", "no module mod_app"),
    ],
)
def test_other_virtual_tables_are_named_with_the_reason(tmp_path: Path, declared: str, why: str) -> None:
    path = tmp_path / "v.db"
    with closing(sqlite3.connect(path)) as source:
        source.executescript("CREATE TABLE t (a); CREATE VIRTUAL TABLE other USING fts5(x);")
        source.execute("PRAGMA writable_schema = ON")
        source.execute(
            "INSERT INTO sqlite_schema VALUES ('table', 'v', 'v', 0, ?)",
            [f"CREATE VIRTUAL TABLE v {declared}"],
        )
        source.commit()
    plan = plan_migration(path, PlanOptions(fts="tsvector"))
    (note,) = [note for note in plan.notes if note.object == "v"]
    assert note.level == "left"
    assert why in note.text
    assert note.sql == f"CREATE VIRTUAL TABLE v {declared}"
