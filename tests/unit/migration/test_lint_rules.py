"""Every rule of the lint: what it finds, how it rewrites it, and what it leaves alone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from migration.lint.catalogue import BY_ID, RULES
from migration.lint.check import lint_files
from migration.lint.known import KnownSchema, known_schema
from migration.schema.options import PlanOptions

if TYPE_CHECKING:
    from pathlib import Path

    from migration.lint.findings import LintReport

#: Rule, what it finds something in, and the statement as that rule alone rewrites it (None: only advice).
FOUND = [
    ("case-of-identifier", "SELECT userId FROM item", 'SELECT "userId" FROM item'),
    (
        "case-of-identifier",
        "SELECT count(*) AS orderCount FROM item",
        'SELECT count(*) AS "orderCount" FROM item',
    ),
    ("double-quoted-string", 'INSERT INTO t VALUES ("it\'s")', "INSERT INTO t VALUES ('it''s')"),
    ("backtick-name", "SELECT `a``b` FROM t", 'SELECT "a`b" FROM t'),
    ("bracket-name", "SELECT [order id] FROM t", 'SELECT "order id" FROM t'),
    ("reserved-word", "SELECT id FROM user", 'SELECT id FROM "user"'),
    ("reserved-word", "ALTER TABLE user ADD x int", 'ALTER TABLE "user" ADD x int'),
    ("rowid", "SELECT rowid FROM t", None),
    ("sqlite-catalog", "SELECT name FROM sqlite_master", None),
    ("like-case", "SELECT 1 FROM t WHERE a NOT LIKE 'x%'", "SELECT 1 FROM t WHERE a NOT ILIKE 'x%'"),
    ("like-case", r"SELECT 1 FROM t WHERE a LIKE '1\2'", r"SELECT 1 FROM t WHERE a LIKE '1\2' ESCAPE ''"),
    ("glob", "SELECT 1 FROM t WHERE a GLOB 'x*[0-9].?'", r"SELECT 1 FROM t WHERE a ~ E'^x.*[0-9]\\..$'"),
    ("glob", "SELECT 1 FROM t WHERE a NOT GLOB 'x*'", "SELECT 1 FROM t WHERE a !~ '^x.*$'"),
    ("regexp", "SELECT 1 FROM t WHERE a REGEXP '^x'", "SELECT 1 FROM t WHERE a ~ '^x'"),
    ("full-text", "SELECT 1 FROM notes WHERE notes MATCH 'fish'", None),
    (
        "collate-nocase",
        "SELECT 1 FROM t WHERE a = 'X' COLLATE NOCASE",
        "SELECT 1 FROM t WHERE lower(a) = lower('X')",
    ),
    ("collate-nocase", "SELECT a FROM t ORDER BY a COLLATE NOCASE", "SELECT a FROM t ORDER BY lower(a)"),
    (
        "insert-or",
        "INSERT OR IGNORE INTO t (a) VALUES (1)",
        "INSERT INTO t (a) VALUES (1) ON CONFLICT DO NOTHING",
    ),
    (
        "insert-or",
        "INSERT OR IGNORE INTO t (a) VALUES (1) RETURNING a",
        "INSERT INTO t (a) VALUES (1) ON CONFLICT DO NOTHING RETURNING a",
    ),
    ("insert-or", "INSERT OR ABORT INTO t (a) VALUES (1)", "INSERT INTO t (a) VALUES (1)"),
    ("insert-or", "UPDATE OR IGNORE t SET a = 1", None),
    ("replace-into", "REPLACE INTO t (a) VALUES (1)", None),
    (
        "upsert",
        "INSERT INTO t (a, n) VALUES (1, 1) ON CONFLICT (a) DO UPDATE SET n = n + excluded.n",
        "INSERT INTO t (a, n) VALUES (1, 1) ON CONFLICT (a) DO UPDATE SET n = t.n + excluded.n",
    ),
    ("upsert", "INSERT INTO t (a) VALUES (1) ON CONFLICT DO UPDATE SET a = excluded.a", None),
    (
        "update-limit",
        "DELETE FROM t WHERE a > 1 ORDER BY b LIMIT 2",
        "DELETE FROM t WHERE ctid IN (SELECT ctid FROM t WHERE a > 1 ORDER BY b LIMIT 2)",
    ),
    ("ifnull", "SELECT ifnull(a, 0) FROM t", "SELECT coalesce(a, 0) FROM t"),
    ("iif", "SELECT iif(a > 1, 'x', 'y') FROM t", "SELECT CASE WHEN a > 1 THEN 'x' ELSE 'y' END FROM t"),
    ("group-concat", "SELECT group_concat(a) FROM t", "SELECT string_agg(a::text, ',') FROM t"),
    (
        "group-concat",
        "SELECT group_concat(DISTINCT a || b) FROM t",
        "SELECT string_agg(DISTINCT (a || b)::text, ',') FROM t",
    ),
    ("group-concat", "SELECT group_concat(t.a, '; ') FROM t", "SELECT string_agg(t.a::text, '; ') FROM t"),
    ("renamed-function", "SELECT instr(a, 'x') FROM t", "SELECT strpos(a, 'x') FROM t"),
    ("hex", "SELECT hex(a) FROM t", None),
    ("scalar-max", "SELECT max(a, b, 0) FROM t", "SELECT greatest(a, b, 0) FROM t"),
    ("total", "SELECT total(a) FROM t", "SELECT coalesce(sum(a), 0)::double precision FROM t"),
    ("typeof", "SELECT typeof(a) FROM t", "SELECT pg_typeof(a)::text FROM t"),
    ("printf", "SELECT printf('%s-%s', a, b) FROM t", "SELECT format('%s-%s', a, b) FROM t"),
    ("printf", "SELECT printf('%.2f', a) FROM t", None),
    ("substr-negative", "SELECT substr(a, -3) FROM t", "SELECT right(a, 3) FROM t"),
    ("random-blob", "SELECT abs(random()) % 10", "SELECT floor(random() * 10)::bigint"),
    ("random-blob", "SELECT hex(randomblob(16))", "SELECT upper(replace(gen_random_uuid()::text, '-', ''))"),
    ("round-digits", "SELECT round(a * 1.5, 2) FROM t", "SELECT round((a * 1.5)::numeric, 2) FROM t"),
    ("last-insert-rowid", "SELECT last_insert_rowid()", "SELECT lastval()"),
    ("last-error", "SELECT changes()", None),
    (
        "datetime-function",
        "SELECT 1 FROM t WHERE a > datetime('now')",
        "SELECT 1 FROM t WHERE a > date_trunc('second', (now() AT TIME ZONE 'UTC'))",
    ),
    ("datetime-function", "SELECT date(a) FROM t", "SELECT to_char(a::timestamp, 'YYYY-MM-DD') FROM t"),
    (
        "date-arithmetic",
        "DELETE FROM t WHERE a < datetime('now', '-7 days')",
        "DELETE FROM t WHERE a < ((now() AT TIME ZONE 'UTC') - interval '7 days')",
    ),
    ("strftime", "SELECT strftime('%Y-%m', a) FROM t", "SELECT to_char(a::timestamp, 'YYYY-MM') FROM t"),
    ("strftime", "SELECT strftime('%J', a) FROM t", None),
    (
        "strftime",
        "SELECT 1 FROM t WHERE a >= strftime('%Y-%m-%d', 'now')",
        "SELECT 1 FROM t WHERE a >= (now() AT TIME ZONE 'UTC')::date",
    ),
    ("julianday", "SELECT unixepoch(a) FROM t", "SELECT extract(epoch FROM a::timestamp)::bigint FROM t"),
    ("json-functions", "SELECT json_extract(a, '$.b.c') FROM t", "SELECT (a::jsonb #>> '{b,c}') FROM t"),
    ("json-functions", "SELECT a ->> '$.b[0]' FROM t", "SELECT a::jsonb #>> '{b,0}' FROM t"),
    ("json-functions", "SELECT json_group_array(a) FROM t", "SELECT json_agg(a) FROM t"),
    ("json-functions", "SELECT json_set(a, '$.b', 1) FROM t", None),
    ("boolean-sum", "SELECT sum(a = 'x') FROM t", "SELECT sum((a = 'x')::int) FROM t"),
    ("string-plus-number", "SELECT 'a' + 1", None),
    ("integer-division", "SELECT a / b FROM t", "SELECT a / NULLIF(b, 0) FROM t"),
    ("modulo", "SELECT a % (b + 1) FROM t", "SELECT a % NULLIF((b + 1), 0) FROM t"),
    ("double-equals", "SELECT 1 FROM t WHERE a == 1", "SELECT 1 FROM t WHERE a = 1"),
    ("is-value", "SELECT 1 FROM t WHERE a IS 2", "SELECT 1 FROM t WHERE a IS NOT DISTINCT FROM 2"),
    ("is-value", "SELECT 1 FROM t WHERE a IS NOT b", "SELECT 1 FROM t WHERE a IS DISTINCT FROM b"),
    ("not-null", "SELECT 1 FROM t WHERE a NOT NULL", "SELECT 1 FROM t WHERE a IS NOT NULL"),
    ("blob-literal", "SELECT x'00FF'", r"SELECT '\x00FF'::bytea"),
    ("cast-type", "SELECT CAST(a AS BLOB) FROM t", "SELECT CAST(a AS bytea) FROM t"),
    ("loose-group-by", "SELECT a, b, count(*) FROM t GROUP BY a", None),
    ("loose-group-by", "SELECT a, max(b) FROM t", None),
    ("having-without-group", "SELECT a FROM t HAVING count(*) > 1", None),
    (
        "alias-in-condition",
        "SELECT lower(a) AS low FROM t WHERE low = 'x'",
        "SELECT lower(a) AS low FROM t WHERE (lower(a)) = 'x'",
    ),
    (
        "null-order",
        "SELECT a FROM t ORDER BY a DESC, b",
        "SELECT a FROM t ORDER BY a DESC NULLS LAST, b NULLS FIRST",
    ),
    ("limit-comma", "SELECT a FROM t LIMIT 10, 20", "SELECT a FROM t LIMIT 20 OFFSET 10"),
    ("limit-negative", "SELECT a FROM t LIMIT -1 OFFSET 5", "SELECT a FROM t LIMIT ALL OFFSET 5"),
    ("pragma", "PRAGMA foreign_keys = ON", None),
    ("attach", "ATTACH DATABASE 'x.db' AS x", None),
    ("vacuum", "VACUUM INTO 'x.db'", None),
    ("begin-immediate", "BEGIN IMMEDIATE", "BEGIN"),
    (
        "autoincrement",
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT)",
        "CREATE TABLE t (id INTEGER PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY)",
    ),
    (
        "without-rowid",
        "CREATE TABLE t (a text PRIMARY KEY) WITHOUT ROWID, STRICT",
        "CREATE TABLE t (a text PRIMARY KEY)",
    ),
    ("column-type", "CREATE TABLE t (a DATETIME, b blob)", "CREATE TABLE t (a timestamp, b bytea)"),
    (
        "boolean-default",
        "CREATE TABLE t (a boolean NOT NULL DEFAULT (1), b int DEFAULT 0)",
        "CREATE TABLE t (a boolean NOT NULL DEFAULT (true), b int DEFAULT 0)",
    ),
    ("indexed-by", "SELECT a FROM t INDEXED BY ix WHERE a = 1", "SELECT a FROM t WHERE a = 1"),
    ("virtual-table", "CREATE VIRTUAL TABLE notes USING fts5(body)", None),
    ("create-trigger", "CREATE TRIGGER x AFTER INSERT ON t BEGIN DELETE FROM u; END", None),
]

#: The same with the file below as --source.
KNOWN = [
    ("boolean-number", "SELECT 1 FROM person WHERE active = 1", "SELECT 1 FROM person WHERE active = true"),
    (
        "boolean-number",
        "SELECT 1 FROM person p WHERE 0 <> p.active",
        "SELECT 1 FROM person p WHERE false <> p.active",
    ),
    ("boolean-number", "UPDATE person SET active = 0", "UPDATE person SET active = false"),
    (
        "boolean-number",
        "INSERT INTO person (name, active) VALUES ('a', 1)",
        "INSERT INTO person (name, active) VALUES ('a', true)",
    ),
    ("boolean-number", "SELECT sum(active) FROM person", "SELECT sum(active::int) FROM person"),
    (
        "number-as-condition",
        "SELECT 1 FROM person WHERE age AND active",
        "SELECT 1 FROM person WHERE age <> 0 AND active",
    ),
    ("implicit-cast", "SELECT 1 FROM person WHERE name = 12", "SELECT 1 FROM person WHERE name = '12'"),
    ("implicit-cast", "SELECT 1 FROM person WHERE age = 'old'", None),
    (
        "implicit-cast",
        "SELECT 1 FROM person p JOIN pet ON pet.code = p.age",
        "SELECT 1 FROM person p JOIN pet ON pet.code = p.age::text",
    ),
    (
        "text-order",
        "SELECT name FROM person ORDER BY name",
        'SELECT name FROM person ORDER BY name COLLATE "C"',
    ),
    ("case-of-identifier", "SELECT ownerid FROM pet", 'SELECT "ownerId" FROM pet'),
    ("case-of-identifier", 'SELECT "OWNERID" FROM "Pet"', 'SELECT "ownerId" FROM "pet"'),
    ("double-quoted-string", 'SELECT 1 FROM pet WHERE code = "x"', "SELECT 1 FROM pet WHERE code = 'x'"),
    ("rowid", "SELECT rowid FROM person", "SELECT id FROM person"),
    (
        "insert-or",
        "INSERT OR REPLACE INTO pet (code, ownerId) VALUES ('a', 1)",
        (
            "INSERT INTO pet (code, ownerId) VALUES ('a', 1) ON CONFLICT (code) DO UPDATE SET "
            '"ownerId" = EXCLUDED."ownerId", born = EXCLUDED.born'
        ),
    ),
    (
        "upsert",
        "INSERT INTO pet (code) VALUES (1) ON CONFLICT DO UPDATE SET born = excluded.born",
        "INSERT INTO pet (code) VALUES (1) ON CONFLICT (code) DO UPDATE SET born = excluded.born",
    ),
    (
        "like-case",
        "SELECT 1 FROM person WHERE age LIKE '1%'",
        "SELECT 1 FROM person WHERE age::text LIKE '1%'",
    ),
    ("date-arithmetic", "SELECT born - 1 FROM pet", None),
    ("cast-type", "SELECT CAST(name AS INTEGER) FROM person", None),
]

#: What a rule has nothing to say about.
QUIET = [
    ("case-of-identifier", 'SELECT "userId", COUNT(*) FROM t AS U WHERE U.id = 1'),
    ("double-quoted-string", 'SELECT "a" FROM t WHERE "b" = "c" AND t."d" = \'x\''),
    ("backtick-name", "SELECT 'a`b`'"),
    ("bracket-name", "SELECT '[a]' -- [b]"),
    ("reserved-word", 'SELECT "user".id, username FROM "user"'),
    ("rowid", "CREATE TABLE t (a int PRIMARY KEY) WITHOUT ROWID"),
    ("sqlite-catalog", "SELECT 'sqlite_master'"),
    ("like-case", "SELECT 1 FROM t WHERE a LIKE '2024-%'"),
    ("like-case", "SELECT 1 FROM t WHERE a ILIKE 'x%'"),
    ("glob", "SELECT glob FROM globs"),
    ("collate-nocase", 'SELECT a FROM t ORDER BY a COLLATE "C"'),
    ("insert-or", "INSERT INTO t (a) SELECT b OR c FROM u"),
    ("replace-into", "SELECT replace(a, 'x', 'y') FROM t"),
    ("upsert", "INSERT INTO t (a, n) VALUES (1, 2) ON CONFLICT (a) DO UPDATE SET n = excluded.n"),
    ("update-limit", "DELETE FROM t WHERE a IN (SELECT a FROM t ORDER BY b LIMIT 2)"),
    ("scalar-max", "SELECT max(a), min(b) FROM t"),
    ("substr-negative", "SELECT substr(a, 1, 3) FROM t"),
    ("random-blob", "SELECT a FROM t ORDER BY random()"),
    ("round-digits", "SELECT round(a) FROM t"),
    ("datetime-function", "CREATE TABLE t (a datetime, b datetime(6), date text)"),
    ("json-functions", "SELECT a ->> 'b' FROM t"),
    ("boolean-sum", "SELECT sum(CASE WHEN a = 1 THEN 1 ELSE 0 END), sum(a) FROM t"),
    ("string-plus-number", "SELECT a + 1 FROM t"),
    ("integer-division", "SELECT a / 2, 'a/b' FROM t"),
    ("modulo", "SELECT a % 7 FROM t WHERE b LIKE '%x'"),
    ("double-equals", "SELECT 1 FROM t WHERE a = '=='"),
    ("is-value", "SELECT 1 FROM t WHERE a IS NOT NULL AND b IS TRUE AND c IS DISTINCT FROM d"),
    ("not-null", "CREATE TABLE t (a text NOT NULL)"),
    ("cast-type", "SELECT CAST(a AS TEXT) FROM t"),
    ("loose-group-by", "SELECT a, lower(b), count(*), max(c) FROM t GROUP BY a, lower(b)"),
    ("loose-group-by", "SELECT t.a AS x, (SELECT max(b) FROM u) AS y FROM t GROUP BY x"),
    ("having-without-group", "SELECT a FROM t GROUP BY a HAVING count(*) > 1"),
    ("alias-in-condition", "SELECT lower(a) AS a FROM t WHERE a = 'x' GROUP BY a ORDER BY a"),
    ("null-order", "SELECT a, count(*) AS n FROM t ORDER BY n DESC, id, b NULLS FIRST, random()"),
    ("limit-comma", "SELECT coalesce(a, b) FROM t LIMIT 10 OFFSET 5"),
    ("begin-immediate", "BEGIN"),
    ("column-type", "CREATE TABLE t (a timestamp, blob text, b varchar(10))"),
    ("boolean-default", "CREATE TABLE t (a boolean DEFAULT true, b int DEFAULT 1)"),
]
KNOWN_QUIET = [
    ("boolean-number", "SELECT 1 FROM person WHERE age = 1 AND active = true"),
    ("number-as-condition", "SELECT 1 FROM person WHERE age BETWEEN 1 AND age AND active"),
    ("implicit-cast", "SELECT 1 FROM person WHERE name = '12' AND age = '12'"),
    ("text-order", "SELECT age FROM person ORDER BY age, id"),
    ("null-order", "SELECT name FROM person ORDER BY name, id DESC"),
    ("case-of-identifier", 'SELECT "ownerId", NAME FROM pet JOIN person P ON P.id = "ownerId"'),
    ("double-quoted-string", 'SELECT 1 FROM pet WHERE code = "ownerId"'),
]


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> KnownSchema:
    path = tmp_path_factory.mktemp("lint") / "app.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(
            """CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT NOT NULL, age INTEGER, active BOOLEAN);
            CREATE TABLE pet (
              code VARCHAR(20) PRIMARY KEY NOT NULL, ownerId INTEGER REFERENCES person, born DATETIME);
            INSERT INTO person VALUES (1, 'a', 2, 1);
            INSERT INTO pet VALUES ('a', 1, '2024-01-01 10:00:00');"""
        )
    return known_schema(path, PlanOptions())


def lint(folder: Path, sql: str, rule: str, known: KnownSchema | None = None) -> LintReport:
    path = folder / "one.sql"
    path.write_text(sql)
    return lint_files([path], known=known, rules=[BY_ID[rule]])


@pytest.mark.parametrize(("rule", "sql", "rewritten"), FOUND)
def test_a_rule_finds_its_place_and_rewrites_it(
    tmp_path: Path, rule: str, sql: str, rewritten: str | None
) -> None:
    report = lint(tmp_path, sql, rule)
    assert {finding.rule for finding in report.findings} == {rule}
    (statement,) = report.statements
    assert statement.rewritten == rewritten
    assert statement.complete == (rewritten is not None)


@pytest.mark.parametrize(("rule", "sql", "rewritten"), KNOWN)
def test_with_the_file_a_rule_knows_types_and_keys(
    tmp_path: Path, known: KnownSchema, rule: str, sql: str, rewritten: str | None
) -> None:
    report = lint(tmp_path, sql, rule, known)
    assert {finding.rule for finding in report.findings} == {rule}
    assert report.statements[0].rewritten == rewritten


@pytest.mark.parametrize(("rule", "sql"), QUIET)
def test_a_rule_leaves_alone_what_is_no_matter_of_its(tmp_path: Path, rule: str, sql: str) -> None:
    assert lint(tmp_path, sql, rule).findings == ()


@pytest.mark.parametrize(("rule", "sql"), KNOWN_QUIET)
def test_with_the_file_a_rule_leaves_more_alone(
    tmp_path: Path, known: KnownSchema, rule: str, sql: str
) -> None:
    assert lint(tmp_path, sql, rule, known).findings == ()


def test_every_rule_is_tested_here_and_its_id_is_its_own() -> None:
    tested = {case[0] for case in (*FOUND, *KNOWN)} | {"parameter-style"}
    assert tested == set(BY_ID)
    assert len(BY_ID) == len(RULES)


def test_under_names_in_snake_case_the_sql_gets_them(tmp_path: Path) -> None:
    app = tmp_path / "app.db"
    with closing(sqlite3.connect(app)) as connection, connection:
        connection.execute('CREATE TABLE "userPet" (petName text, "owner" int)')
    snake = known_schema(app, PlanOptions(names="snake"))
    report = lint(tmp_path, 'SELECT u.petName, "owner" FROM userPet u', "case-of-identifier", snake)
    assert report.statements[0].rewritten == 'SELECT u.pet_name, "owner" FROM user_pet u'


def test_several_rules_rewrite_one_statement_together(tmp_path: Path) -> None:
    path = tmp_path / "one.sql"
    path.write_text(
        "SELECT strftime('%Y', createdAt), `a` FROM t WHERE json_extract(payLoad, '$.x') LIKE 'b%'"
    )
    (statement,) = lint_files([path]).statements
    assert statement.complete
    assert statement.rewritten == (
        'SELECT to_char("createdAt"::timestamp, \'YYYY\'), "a" FROM t '
        "WHERE (\"payLoad\"::jsonb #>> '{x}') ILIKE 'b%'"
    )
