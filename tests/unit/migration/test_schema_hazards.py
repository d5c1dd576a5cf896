"""Each hazard of a schema, by its number in the list of hazards: what is made of it, and what is said."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from migration.planning import plan_migration

if TYPE_CHECKING:
    from pathlib import Path

    from migration.schema.target import TargetPlan

#: What happens, the SQLite schema, what is made (parts of statements), what is said (parts of notes).
Hazard = tuple[str, tuple[str, ...], tuple[str, ...]]
HAZARDS: dict[str, Hazard] = {
    "24 a unique column without case": (
        "CREATE TABLE t (a TEXT COLLATE NOCASE UNIQUE)",
        ('UNIQUE ("a")', 'CREATE UNIQUE INDEX "t_a_key_nocase" ON "public"."t" (lower("a"))'),
        ("ask lower(\"a\") = lower('A')", "unique index t_a_key_nocase"),
    ),
    "29 the time of now": (
        "CREATE TABLE t (a DATETIME DEFAULT (datetime('now')), b DATETIME DEFAULT CURRENT_TIMESTAMP)",
        (
            "\"a\" timestamp without time zone DEFAULT (now() AT TIME ZONE 'utc')",
            "\"b\" timestamp without time zone DEFAULT (now() AT TIME ZONE 'utc')",
        ),
        (),
    ),
    "30 seconds since 1970": (
        "CREATE TABLE t (a INT DEFAULT (strftime('%s', 'now')), b INT DEFAULT (unixepoch()))",
        ('"a" bigint DEFAULT floor(extract(epoch FROM now()))::bigint', '"b" bigint DEFAULT floor('),
        (),
    ),
    "31 random values": (
        "CREATE TABLE t (a INT DEFAULT (random()), b TEXT DEFAULT (lower(hex(randomblob(16)))))",
        ("::bit(64)::bigint", "gen_random_uuid()"),
        (),
    ),
    "31 more random digits than there are": (
        "CREATE TABLE t (b TEXT DEFAULT (hex(randomblob(500))))",
        (),
        ("the default hex(randomblob(500)) was left out",),
    ),
    "32 constants of all spellings": (
        (
            "CREATE TABLE t (a TEXT DEFAULT \"dq\", b INT DEFAULT '5', c BOOLEAN DEFAULT true, "
            "d BLOB DEFAULT x'00ff', e TEXT DEFAULT 'it''s', f TEXT DEFAULT 'null', g INT DEFAULT NULL)"
        ),
        (
            "\"a\" text DEFAULT 'dq'",
            '"b" bigint DEFAULT 5',
            '"c" boolean DEFAULT true',
            "\"d\" bytea DEFAULT '\\x00ff'::bytea",
            "\"e\" text DEFAULT 'it''s'",
            "\"f\" text DEFAULT 'null'",
            '"g" bigint\n',
        ),
        (),
    ),
    "33 generated columns": (
        "CREATE TABLE t (a INT, b INT AS (a * 2) STORED, c TEXT AS (a || 'x') VIRTUAL)",
        (
            '"b" bigint GENERATED ALWAYS AS ("a" * 2) STORED',
            "GENERATED ALWAYS AS (\"a\"::text || 'x') STORED",
        ),
        ("was computed when read; PostgreSQL stores it",),
    ),
    "34 strict tables and any": (
        (
            "CREATE TABLE t (a INT PRIMARY KEY, b ANY, c ANY) STRICT; "
            "INSERT INTO t VALUES (1, 2, 'x'), (2, 3, 4)"
        ),
        ('"b" bigint', '"c" text'),
        ("stored are",),
    ),
    "35 without rowid, and a descending key": (
        "CREATE TABLE t (a TEXT, b INT, PRIMARY KEY (a, b DESC)) WITHOUT ROWID",
        ('PRIMARY KEY ("a", "b")', '"a" text NOT NULL'),
        (),
    ),
    "36 no primary key": ("CREATE TABLE t (a, b)", ('CREATE TABLE "public"."t"',), ()),
    "37 references of all kinds": (
        (
            "CREATE TABLE p (a INT, b INT, PRIMARY KEY (a, b));"
            "CREATE TABLE c (a INT, b INT, up INT REFERENCES c (id), id INTEGER PRIMARY KEY, "
            "FOREIGN KEY (a, b) REFERENCES p ON UPDATE CASCADE ON DELETE SET NULL "
            "DEFERRABLE INITIALLY DEFERRED)"
        ),
        (
            (
                'FOREIGN KEY ("a", "b") REFERENCES "public"."p" ("a", "b")'
                " ON UPDATE CASCADE ON DELETE SET NULL"
                " DEFERRABLE INITIALLY DEFERRED"
            ),
            'FOREIGN KEY ("up") REFERENCES "public"."c" ("id")',
        ),
        (),
    ),
    "37 references in a circle": (
        (
            "CREATE TABLE a (id INTEGER PRIMARY KEY, b INT REFERENCES b);"
            "CREATE TABLE b (id INTEGER PRIMARY KEY, a INT REFERENCES a)"
        ),
        ('("b") REFERENCES "public"."b" ("id")', '("a") REFERENCES "public"."a" ("id")'),
        (),
    ),
    "38 orphans": (
        (
            "CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (p INT REFERENCES p);"
            "INSERT INTO c VALUES (7)"
        ),
        ('REFERENCES "public"."p" ("id") NOT VALID',),
        ("1 row without a parent in p",),
    ),
    "39 a partial index": (
        "CREATE TABLE t (a INT, active BOOLEAN); CREATE UNIQUE INDEX i ON t (a) WHERE active = 1",
        ('CREATE UNIQUE INDEX "i" ON "public"."t" ("a") WHERE "active" = true',),
        (),
    ),
    "40 indexes over expressions": (
        (
            "CREATE TABLE t (a TEXT, d TEXT); CREATE INDEX i ON t (lower(a)); "
            "CREATE INDEX j ON t (json_extract(d, '$.a[0]')); CREATE INDEX k ON t (app_fn(a))"
        ),
        ('(lower("a"))', '::jsonb #>> \'{"a","0"}\''),
        ("the function app_fn",),
    ),
    "41 descending and collated indexes": (
        (
            "CREATE TABLE t (a TEXT, b INT); CREATE INDEX i ON t (b DESC, a COLLATE NOCASE);"
            "CREATE INDEX j ON t (a COLLATE RTRIM); CREATE INDEX k ON t (a COLLATE app)"
        ),
        ('("b" DESC NULLS LAST, lower("a"))', "(rtrim(\"a\", ' '))", '"k" ON "public"."t" ("a")'),
        ("the index is over lower()", "the index is over rtrim()", "the collation app exists"),
    ),
    "42 checks with functions": (
        (
            "CREATE TABLE t (a TEXT, n INT, d TEXT, CHECK (a GLOB '[A-Z]*'), CHECK (typeof(n) = 'integer'), "
            "CHECK (json_valid(d)), CHECK (length(a) < 9), CHECK (a REGEXP 'x'), "
            "CHECK (json_type(d) = 'array'))"
        ),
        ("\"a\" ~ '^[A-Z].*$'", "'integer'", '"d"::json IS NOT NULL', 'length("a") < 9', "json_typeof"),
        ("REGEXP means what the application defines",),
    ),
    "43 a check with LIKE": ("CREATE TABLE t (a TEXT CHECK (a LIKE 'A%'))", ("\"a\" ILIKE 'A%'",), ()),
    "44 views": (
        (
            "CREATE TABLE t (a TEXT, b INT);"
            "CREATE VIEW v AS SELECT ifnull(a, '-') || \"x\" AS c, group_concat(b) AS g FROM t GROUP BY a;"
            "CREATE VIEW loose AS SELECT a, max(b), rowid FROM t GROUP BY a"
        ),
        ("COALESCE", "STRING_AGG", "'x'"),
        ("loose",),
    ),
    "45 triggers": (
        (
            "CREATE TABLE t (a INT); CREATE TABLE l (a INT); CREATE VIEW v AS SELECT a FROM t;"
            "CREATE TRIGGER g AFTER INSERT ON t BEGIN INSERT INTO l VALUES (NEW.a); END;"
            "CREATE TRIGGER h INSTEAD OF INSERT ON v BEGIN INSERT INTO t VALUES (NEW.a); END;"
            "CREATE TRIGGER odd AFTER DELETE ON t BEGIN SELECT app_fn(OLD.a); END"
        ),
        ('TRIGGER "g" AFTER INSERT ON "public"."t"', 'TRIGGER "h" INSTEAD OF INSERT ON "public"."v"'),
        ("the function app_fn",),
    ),
    "46 full-text search and its shadow tables": (
        "CREATE VIRTUAL TABLE f USING fts5(a); INSERT INTO f VALUES ('x')",
        ('CREATE TABLE "public"."f"', '"rowid" bigint', '"a" text'),
        ("--fts tsvector", "is how SQLite keeps the virtual table f"),
    ),
    "50 odd words as a type": (
        (
            'CREATE TABLE t (a INTEGER_OR_TEXT, b "TEXT\nN", c UNSIGNED BIG INT);'
            "INSERT INTO t VALUES (1, 'x', 2)"
        ),
        ('"a" bigint', '"b" text', '"c" bigint'),
        (),
    ),
    "52 a collation that exists in its application only": (
        "CREATE TABLE t (a TEXT COLLATE app PRIMARY KEY)",
        ('PRIMARY KEY ("a")',),
        ("the collation app exists in its application only",),
    ),
    "54 a counter ahead of its table": (
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO t VALUES (41); DELETE FROM t",
        ('"id" bigint GENERATED BY DEFAULT AS IDENTITY',),
        (),
    ),
}


def plan(path: Path, schema: str) -> TargetPlan:
    with closing(sqlite3.connect(path)) as source:
        source.create_collation("app", lambda a, b: (a > b) - (a < b))
        source.create_function("app_fn", 1, lambda value: value, deterministic=True)
        source.create_function("regexp", 2, lambda _pattern, _value: 1, deterministic=True)
        source.executescript(schema)
    return plan_migration(path)


@pytest.mark.parametrize(("schema", "made", "said"), HAZARDS.values(), ids=HAZARDS)
def test_the_hazard_ends_as_it_should(
    tmp_path: Path, schema: str, made: tuple[str, ...], said: tuple[str, ...]
) -> None:
    planned = plan(tmp_path / "h.db", schema)
    statements = "\n".join(item.sql for item in (*planned.create, *planned.after_load)) + "\n"
    notes = "\n".join(f"{note.level} {note.object}: {note.text}" for note in planned.notes)
    for part in made:
        assert part in statements
    for part in said:
        assert part in notes


def test_54_the_sequence_goes_on_behind_the_counter(tmp_path: Path) -> None:
    planned = plan(tmp_path / "h.db", HAZARDS["54 a counter ahead of its table"][0])
    assert planned.tables[0].sequence_floor == 41
