"""--target-first: the file's rows go into a schema that the application made, and that stays as it is."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from migration.errors import TargetRefusedError
from migration.planning import PlanRefusedError
from migration.rules.reading import read_rules
from migration.run import RunOptions, run_migration
from migration.running.journal import Journal
from migration.schema.options import PlanOptions
from migration.target.state import TargetState
from migration.verify import verify_migration
from monitor.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


TARGET_FIRST = RunOptions(PlanOptions(target_first=True))

#: Every type an application may have chosen, as SQLite stores its values, and what PostgreSQL shows of them.
TYPES = {
    "smallint": [("integer", 7, "7"), ("real", 7.0, "7"), ("text", "-32768", "-32768")],
    "bigint": [("integer", 2**63 - 1, "9223372036854775807")],
    "numeric(10,2)": [("decimal", 12.5, "12.50"), ("text", "0.10", "0.10"), ("decimal", 3, "3.00")],
    "numeric": [("text", "12345678901234567890.123", "12345678901234567890.123")],
    "real": [("float", 0.1, "0.1"), ("float", 1e30, "1e+30"), ("float", 0.5, "0.5")],
    "double precision": [("float", 1 / 3, "0.3333333333333333"), ("text", "2.5", "2.5")],
    "boolean": [
        ("boolean", 1, "true"),
        ("text", "F", "false"),
        ("text", "yes", "true"),
        ("real", 0.0, "false"),
    ],
    "varchar(5)": [("varchar(5)", "abc  ", "abc  "), ("integer", 12345, "12345")],
    "char(5)": [("char(5)", "ab", "ab"), ("char(5)", "ab   ", "ab")],
    "uuid": [
        ("char(32)", "0123456789abcdef0123456789abcdef", "01234567-89ab-cdef-0123-456789abcdef"),
        ("blob", bytes(range(16)), "00010203-0405-0607-0809-0a0b0c0d0e0f"),
    ],
    "json": [("text", '{"b":1, "a":[1.50]}', '{"b":1, "a":[1.50]}')],
    "jsonb": [
        ("blob", bytes.fromhex("2b1331"), "[1]"),
        ("text", '{"b":1,"a":[1.50,1e2,"ü\\n"]}', '{"a": [1.50, 100, "ü\\n"], "b": 1}'),
    ],
    "timestamp": [
        ("datetime", "2024-01-02 03:04:05.678", "2024-01-02 03:04:05.678"),
        ("datetime", "2024-01-02T03:04:05+02:00", "2024-01-02 01:04:05"),
        ("integer", 1704164645000, "2024-01-02 03:04:05"),
        ("text", "2024-01-02", "2024-01-02 00:00:00"),
    ],
    "timestamp(3) with time zone": [
        ("datetime", "2024-01-02 03:04:05.678000", "2024-01-02 03:04:05.678+00"),
        ("integer", 1704164645, "2024-01-02 03:04:05+00"),
    ],
    "date": [("date", "2024-02-29", "2024-02-29"), ("datetime", "2024-02-29 00:00:00", "2024-02-29")],
    "time": [("time", "23:59:58.5", "23:59:58.5"), ("text", "2000-01-01 12:30:00", "12:30:00")],
    "time with time zone": [("text", "12:30:00+02", "12:30:00+02")],
    "interval": [("text", "01:02:03", "01:02:03"), ("text", "P1DT2H", "1 day 02:00:00")],
    "inet": [("char(39)", "192.168.0.1", "192.168.0.1/32"), ("char(39)", "::1", "::1/128")],
    "cidr": [("text", "10.0.0.0/8", "10.0.0.0/8")],
    "macaddr": [("text", "08-00-2B-01-02-03", "08:00:2b:01:02:03")],
    "bytea": [("blob", b"\x00\xff", "\\x00ff"), ("text", "é", "\\xc3a9")],
    "mood": [("varchar", "happy", "happy")],
    "text[]": [
        ("text", "a,b", "{a,b}"),
        ("text", '["a,b",null,"c\\"d"]', '{"a,b",NULL,"c\\"d"}'),
        ("text", "", "{}"),
    ],
    "integer[]": [("text", "[1, 2]", "{1,2}")],
    "mood[]": [("text", '["happy","sad"]', "{happy,sad}")],
    "age": [("integer", 42, "42")],
    "bit(4)": [("integer", 101, "0101"), ("text", "1111", "1111")],
    "citext": [("text collate nocase", "Ada", "Ada")],
    "hstore": [("text", "a=>1, b=>NULL", '"a"=>"1", "b"=>NULL')],
    "int4range": [("text", "[1,5]", "[1,6)")],
    "money": [("text", "12.50", "$12.50")],
}


@pytest.mark.both_servers
def test_every_type_takes_every_spelling_of_its_values(database: str, tmp_path: Path) -> None:
    path = tmp_path / "types.db"
    with closing(sqlite3.connect(path)) as file, file, psycopg.connect(database, autocommit=True) as target:
        target.execute("CREATE EXTENSION citext; CREATE EXTENSION hstore")
        target.execute("CREATE TYPE mood AS ENUM ('sad', 'happy')")
        target.execute("CREATE DOMAIN age AS smallint CHECK (VALUE < 150)")
        for number, (kind, cases) in enumerate(TYPES.items()):
            for place, (declared, value, _) in enumerate(cases):
                name = f"t{number}_{place}"
                file.execute(f'CREATE TABLE {name} (id integer PRIMARY KEY, v "{declared}")')
                file.execute(f"INSERT INTO {name} VALUES (1, ?), (2, NULL)", [value])
                target.execute(f"CREATE TABLE {name} (id bigint PRIMARY KEY, v {kind})")

    report = run_migration(path, database, TARGET_FIRST)

    assert report.verification is not None
    differing = [table for table in report.verification["tables"] if not table["equal"]]
    assert differing == []
    assert report.exit_code is ExitCode.DONE
    with psycopg.connect(database, options="-c timezone=UTC -c lc_monetary=C") as target:
        found, wanted = {}, {}
        for number, (kind, cases) in enumerate(TYPES.items()):
            for place, (declared, value, shown) in enumerate(cases):
                row = target.execute(f"SELECT v::text FROM t{number}_{place} WHERE id = 1").fetchone()
                found[kind, declared, value], wanted[kind, declared, value] = row and row[0], shown
        assert found == wanted
    assert verify_migration(path, database, TARGET_FIRST.plan).equal


#: Keys that cannot stay while rows are loaded, an order that names do not tell, things to leave alone.
APPLICATION = """
CREATE TABLE "user" (id serial PRIMARY KEY, email varchar(80) NOT NULL UNIQUE, best_friend integer,
                     created timestamptz NOT NULL DEFAULT now(),
                     shout text GENERATED ALWAYS AS (upper(email)) STORED);
ALTER TABLE "user" ADD CONSTRAINT "FK_friend" FOREIGN KEY (best_friend) REFERENCES "user" (id)
  ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED;
COMMENT ON CONSTRAINT "FK_friend" ON "user" IS 'it''s mutual';
CREATE TABLE a_line (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "orderId" integer NOT NULL,
                     note text, status text NOT NULL DEFAULT 'new');
CREATE TABLE b_order (id integer GENERATED BY DEFAULT AS IDENTITY (SEQUENCE NAME odd_name) PRIMARY KEY,
                      "userId" integer NOT NULL REFERENCES "user" (id) ON DELETE CASCADE, last_line bigint);
ALTER TABLE a_line ADD CONSTRAINT "FK_order" FOREIGN KEY ("orderId") REFERENCES b_order (id)
  ON UPDATE CASCADE;
ALTER TABLE b_order ADD CONSTRAINT "FK_last" FOREIGN KEY (last_line) REFERENCES a_line (id) NOT VALID;
CREATE TABLE visit (id integer PRIMARY KEY, "userId" integer REFERENCES "user" (id));
CREATE INDEX "IX_note" ON a_line (note DESC NULLS LAST) WITH (fillfactor = 70) WHERE note IS NOT NULL;
COMMENT ON INDEX "IX_note" IS 'for the search';
CREATE SEQUENCE ticket;
CREATE TABLE ticket_log (n integer PRIMARY KEY DEFAULT nextval('ticket'), text text);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.note = 'touched'; RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE INSERT ON a_line FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER always BEFORE INSERT ON a_line FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TABLE a_line ENABLE ALWAYS TRIGGER always;
CREATE VIEW friends AS SELECT id FROM "user" WHERE best_friend IS NOT NULL;
"""
FILE = """
CREATE TABLE "User" (id integer PRIMARY KEY AUTOINCREMENT, email text, "bestFriend" integer, created text);
CREATE TABLE "aLine" (id integer PRIMARY KEY AUTOINCREMENT, orderId integer, note text);
CREATE TABLE b_order (id integer PRIMARY KEY, userId integer, last_line integer);
CREATE TABLE visit (id integer PRIMARY KEY, userId integer);
CREATE TABLE ticket_log (n integer PRIMARY KEY, text text);
INSERT INTO visit VALUES (1, 1), (2, 31), (3, NULL);
INSERT INTO ticket_log VALUES (5, 'x');
"""


def make_application(dsn: str, path: Path) -> None:
    with psycopg.connect(dsn, autocommit=True) as target:
        target.execute(APPLICATION)
    make_file(path)


def make_file(path: Path) -> None:
    with closing(sqlite3.connect(path)) as file, file:
        file.executescript(FILE)
        users = ((n, f"u{n}", 31 - n, "2024-01-02 03:04:05Z") for n in range(1, 31))
        file.executemany('INSERT INTO "User" VALUES (?, ?, ?, ?)', users)
        file.executemany(
            "INSERT INTO b_order VALUES (?, ?, ?)", ((n, n % 30 + 1, 101 - n) for n in range(1, 101))
        )
        file.executemany('INSERT INTO "aLine" VALUES (?, ?, ?)', ((n, n, f"n{n}") for n in range(1, 101)))
        file.execute("UPDATE sqlite_sequence SET seq = 500 WHERE name = 'User'")


def catalog(dsn: str) -> dict[str, Any]:
    """Everything about the schema that no row changes, read by PostgreSQL's own functions."""
    queries = {
        "columns": "SELECT attrelid::regclass::text, attnum, attname, format_type(atttypid, atttypmod),"
        " attnotnull, attidentity, attgenerated FROM pg_attribute JOIN pg_class c ON c.oid = attrelid"
        " WHERE c.relnamespace = 'public'::regnamespace AND attnum > 0 ORDER BY 1, 2",
        "constraints": "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated,"
        " obj_description(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2",
        "indexes": "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid), indisvalid,"
        " obj_description(indexrelid) FROM pg_index JOIN pg_class c ON c.oid = indrelid"
        " WHERE c.relnamespace = 'public'::regnamespace ORDER BY 1",
        "triggers": "SELECT tgrelid::regclass::text, tgname, tgenabled, pg_get_triggerdef(oid)"
        " FROM pg_trigger"
        " WHERE NOT tgisinternal ORDER BY 1, 2",
        "relations": "SELECT relname, relkind, relowner FROM pg_class"
        " WHERE relnamespace = 'public'::regnamespace ORDER BY 1",
        "schemas": "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' ORDER BY 1",
    }
    with psycopg.connect(dsn) as target:
        return {name: target.execute(query.encode()).fetchall() for name, query in queries.items()}


def rows(dsn: str, query: str) -> list[Any]:
    with psycopg.connect(dsn) as target:
        return target.execute(query.encode()).fetchall()


def without_orphans(content: dict[str, Any]) -> dict[str, Any]:
    """The catalog with the one foreign key validated that orphans leave NOT VALID."""
    constraints = [
        (*row[:2], row[2].removesuffix(" NOT VALID"), True, row[4]) if row[1] == "visit_userId_fkey" else row
        for row in content["constraints"]
    ]
    return {**content, "constraints": constraints}


@pytest.mark.both_servers
def test_the_application_s_schema_is_the_same_afterwards(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("migration.target_first.set_aside.BIG", 50)  # some indexes and keys are set aside
    make_application(database, tmp_path / "app.db")
    before = catalog(database)

    report = run_migration(tmp_path / "app.db", database, TARGET_FIRST)

    assert without_orphans(catalog(database)) == before
    assert report.left == ()
    assert report.equal
    assert report.exit_code is ExitCode.DONE
    assert {note.object: note.text for note in report.notes}["visit_userId_fkey"].startswith(
        "1 row of visit refer to no row of user"
    )
    assert rows(database, 'SELECT * FROM "user" WHERE id = 2')[0][:3] == (2, "u2", 29)
    assert rows(database, "SELECT DISTINCT note = 'n' || id, status FROM a_line") == [(True, "new")]
    assert rows(database, "SELECT nextval('user_id_seq'), nextval('odd_name'), nextval('ticket')") == [
        (501, 101, 6)
    ]
    assert rows(database, "SELECT nextval(pg_get_serial_sequence('a_line', 'id'))") == [(101,)]
    assert verify_migration(tmp_path / "app.db", database, TARGET_FIRST.plan).equal


@pytest.mark.parametrize("moment", range(1, 44, 7))
def test_killed_at_any_step_the_schema_is_whole_after_the_same_command(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    monkeypatch.setattr("migration.target_first.set_aside.BIG", 50)
    make_application(database, tmp_path / "app.db")
    before = catalog(database)
    left = moment

    class Killed(BaseException):
        pass

    def killing(method: Any) -> Any:
        def wrapped(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                raise Killed
            return method(*arguments, **options)

        return wrapped

    with monkeypatch.context() as patched:
        patched.setattr(TargetState, "record", killing(TargetState.record))  # before the commit
        patched.setattr(Journal, "end", killing(Journal.end))  # after it
        with suppress(Killed):
            run_migration(tmp_path / "app.db", database, TARGET_FIRST)

    if moment % 2:  # the file was written to in between: its rows are loaded anew
        with closing(sqlite3.connect(tmp_path / "app.db")) as file, file:
            file.execute("""UPDATE "User" SET email = 'new' || id""")
    report = run_migration(tmp_path / "app.db", database, TARGET_FIRST)

    assert without_orphans(catalog(database)) == before
    assert report.equal
    assert rows(database, "SELECT count(*) FROM a_line") == [(100,)]


def test_a_schema_without_tables_is_refused_and_the_other_one_named(database: str, tmp_path: Path) -> None:
    make_application(database, tmp_path / "app.db")
    with pytest.raises(TargetRefusedError) as refused:
        run_migration(tmp_path / "app.db", database, RunOptions(PlanOptions(schema="app", target_first=True)))
    assert "there are tables in public: --schema NAME" in str(refused.value)


def test_rows_in_the_way_are_refused_or_deleted_as_the_user_says(database: str, tmp_path: Path) -> None:
    make_application(database, tmp_path / "app.db")
    with psycopg.connect(database) as target:
        target.execute("INSERT INTO visit VALUES (77, NULL)")
    before = catalog(database)

    with pytest.raises(PlanRefusedError, match="table visit of schema public holds rows already"):
        run_migration(tmp_path / "app.db", database, TARGET_FIRST)

    assert catalog(database) == before
    assert rows(database, "SELECT id FROM visit") == [(77,)]
    options = RunOptions(PlanOptions(target_first=True, truncate_target=True))
    assert run_migration(tmp_path / "app.db", database, options).equal
    assert rows(database, "SELECT id FROM visit ORDER BY 1") == [(1,), (2,), (3,)]


@pytest.fixture
def small(database: str, tmp_path: Path) -> Path:
    """A table of which the application's lacks a column and has another, and a table it has not."""
    with psycopg.connect(database) as target:
        target.execute(
            "CREATE TABLE item (id integer PRIMARY KEY, size varchar(3) NOT NULL, more text DEFAULT 'm')"
        )
    with closing(sqlite3.connect(tmp_path / "app.db")) as file, file:
        file.executescript(
            """
            CREATE TABLE item (id integer PRIMARY KEY, size text, old text, never text);
            INSERT INTO item VALUES (1, 'S', 'x', NULL), (2, 'XL', NULL, NULL);
            CREATE TABLE extra (id integer PRIMARY KEY, note text NOT NULL);
            INSERT INTO extra VALUES (1, 'here');
            """
        )
    return tmp_path / "app.db"


def test_a_column_that_the_target_has_not_is_refused_unless_it_is_dropped(database: str, small: Path) -> None:
    with pytest.raises(PlanRefusedError) as refused:
        run_migration(small, database, TARGET_FIRST)
    assert "item.old: holds 1 value and has no column in table item" in str(refused.value)
    assert "--drop-column 'item.old'" in str(refused.value)

    report = run_migration(
        small, database, RunOptions(PlanOptions(target_first=True, drop_columns=("item.old",)))
    )

    assert report.equal is False  # a table is left
    assert report.exit_code is ExitCode.DIFFERS
    assert [note.object for note in report.notes if note.level == "left"] == ["extra"]
    assert rows(database, "SELECT * FROM item ORDER BY 1") == [(1, "S", "m"), (2, "XL", "m")]


def test_create_missing_makes_the_tables_that_the_application_has_not(database: str, small: Path) -> None:
    options = PlanOptions(target_first=True, create_missing=True, drop_columns=("item.old",))
    report = run_migration(small, database, RunOptions(options))
    assert report.equal
    assert report.exit_code is ExitCode.DONE
    assert rows(database, "SELECT * FROM extra") == [(1, "here")]
    assert rows(database, "SELECT contype FROM pg_constraint WHERE conrelid = 'extra'::regclass") != []
    assert verify_migration(small, database, options).equal


def test_values_that_do_not_fit_are_rejected_and_all_others_arrive(database: str, small: Path) -> None:
    with closing(sqlite3.connect(small)) as file, file:
        file.execute(
            "INSERT INTO item VALUES (3, 'XXXL', NULL, NULL), (4, NULL, NULL, NULL), (5, 'M  ', NULL, NULL)"
        )
        file.execute("DROP TABLE extra")
    report = run_migration(
        small, database, RunOptions(PlanOptions(target_first=True, drop_columns=("item.old",)))
    )
    assert rows(database, "SELECT id FROM item ORDER BY 1") == [(1,), (2,), (5,)]
    assert [(table.name, table.rejected) for table in report.tables] == [("item", 2)]
    assert report.exit_code is ExitCode.DIFFERS


def test_a_dry_run_prints_what_is_set_aside_and_changes_nothing(
    database: str, tmp_path: Path, outgrow: Callable[..., Any]
) -> None:
    make_application(database, tmp_path / "app.db")
    before = catalog(database)
    ended = outgrow("migrate", "run", tmp_path / "app.db", database, "--target-first", "--dry-run", "--json")
    steps = [step["sql"] for step in json.loads(ended.out)["steps"]]
    assert ended.code == 0
    assert 'ALTER TABLE "public"."a_line" DISABLE TRIGGER "touch"' in steps
    assert 'ALTER TABLE "public"."user" DROP CONSTRAINT IF EXISTS "FK_friend"' in steps
    assert catalog(database) == before


def test_a_role_that_owns_only_its_schema_is_enough(database: str, tmp_path: Path) -> None:
    with psycopg.connect(database, autocommit=True) as target:
        target.execute("CREATE ROLE plain LOGIN")
        target.execute(f"REVOKE CREATE, TEMPORARY ON DATABASE {target.info.dbname} FROM PUBLIC")
        target.execute("CREATE SCHEMA app AUTHORIZATION plain")
        target.execute("SET ROLE plain; SET search_path = app; " + APPLICATION)
        target.execute("RESET ROLE")
    make_file(tmp_path / "app.db")
    plain = psycopg.conninfo.make_conninfo(database, user="plain")
    try:
        report = run_migration(tmp_path / "app.db", plain, RunOptions(PlanOptions("app", target_first=True)))
        assert report.equal
        assert rows(plain, "SELECT count(*) FROM app.a_line") == [(100,)]
        assert rows(plain, "SELECT relname FROM pg_class WHERE relname LIKE '%outgrow%'") == []
    finally:
        with psycopg.connect(database, autocommit=True) as target:
            target.execute("DROP OWNED BY plain CASCADE")
            target.execute("DROP ROLE plain")


def test_rules_name_the_counterpart_and_read_the_values(database: str, tmp_path: Path) -> None:
    with psycopg.connect(database) as target:
        target.execute("CREATE TABLE person (id integer PRIMARY KEY, born date, seen timestamptz)")
    with closing(sqlite3.connect(tmp_path / "app.db")) as file, file:
        file.execute("CREATE TABLE tbl_p (id integer PRIMARY KEY, b text, seen text)")
        file.execute("INSERT INTO tbl_p VALUES (1, '24.12.1999', '2024-07-01 12:00:00'), (2, NULL, '')")
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        "tables: {tbl_p: {rename: person}}\n"
        "columns: {tbl_p.b: {rename: born, format: '%d.%m.%Y'}, tbl_p.seen: {time_zone: Europe/Berlin}}\n"
    )
    options = PlanOptions(target_first=True, rules=read_rules(rules))
    assert run_migration(tmp_path / "app.db", database, RunOptions(options)).equal
    assert rows(
        database, "SELECT id, born::text, (seen AT TIME ZONE 'UTC')::text FROM person ORDER BY 1"
    ) == [
        (1, "1999-12-24", "2024-07-01 10:00:00"),
        (2, None, None),
    ]


def test_a_role_that_may_only_insert_loads_parents_first(database: str, tmp_path: Path) -> None:
    with psycopg.connect(database, autocommit=True) as target:
        target.execute(
            "CREATE TABLE a_child (id integer PRIMARY KEY, z integer, "
            "CHECK (id > 0)); CREATE TABLE z_parent (id integer PRIMARY KEY);"
            "ALTER TABLE a_child ADD FOREIGN KEY (z) REFERENCES z_parent; CREATE ROLE loader LOGIN;"
            "GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO loader;"
            "GRANT CREATE ON SCHEMA public TO loader"
        )
    with closing(sqlite3.connect(tmp_path / "app.db")) as file, file:
        file.executescript(
            "CREATE TABLE a_child (id integer PRIMARY KEY, z integer);"
            "CREATE TABLE z_parent (id integer PRIMARY KEY);"
            "INSERT INTO a_child VALUES (1, 1); INSERT INTO z_parent VALUES (1)"
        )
    try:
        dsn = psycopg.conninfo.make_conninfo(database, user="loader")
        assert run_migration(tmp_path / "app.db", dsn, TARGET_FIRST).equal
        assert rows(database, "SELECT count(*) FROM a_child JOIN z_parent ON z = z_parent.id") == [(1,)]
    finally:
        with psycopg.connect(database, autocommit=True) as target:
            target.execute("DROP OWNED BY loader; DROP ROLE loader")


def test_a_library_s_instants_are_counted_in_its_own_unit(database: str, tmp_path: Path) -> None:
    with psycopg.connect(database) as target:
        target.execute(
            'CREATE TABLE "Post" (id serial PRIMARY KEY, "createdAt" timestamp(3) NOT NULL,'
            " score numeric(65,30));"
            "CREATE TABLE _prisma_migrations (id text PRIMARY KEY, checksum text, migration_name text);"
            "INSERT INTO _prisma_migrations VALUES ('of PostgreSQL')"
        )
    with closing(sqlite3.connect(tmp_path / "app.db")) as file, file:
        file.executescript(
            """
            CREATE TABLE "Post" ("id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
              "createdAt" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP, "score" DECIMAL);
            CREATE TABLE _prisma_migrations (id TEXT PRIMARY KEY, checksum TEXT, migration_name TEXT);
            INSERT INTO _prisma_migrations VALUES ('of SQLite', 'x', 'init');
            INSERT INTO "Post" VALUES (1, 1704164645123, 1.5), (2, 0, NULL), (3, '2024-01-02 03:04:05', 7),
              (4, '2024-01-02T03:04:05.678Z', 0.1);
            """
        )
    report = run_migration(tmp_path / "app.db", database, TARGET_FIRST)
    assert report.exit_code is ExitCode.DONE
    assert rows(database, 'SELECT "createdAt"::text FROM "Post" ORDER BY id') == [
        ("2024-01-02 03:04:05.123",),
        ("1970-01-01 00:00:00",),
        ("2024-01-02 03:04:05",),
        ("2024-01-02 03:04:05.678",),
    ]
    assert rows(database, "SELECT id FROM _prisma_migrations") == [("of PostgreSQL",)]


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le"])
def test_damaged_text_arrives_as_the_user_says(database: str, tmp_path: Path, encoding: str) -> None:
    with psycopg.connect(database) as target:
        target.execute("CREATE TABLE t (id integer PRIMARY KEY, short varchar(4), data jsonb)")
    with closing(sqlite3.connect(tmp_path / "app.db")) as file, file:
        file.execute(f"PRAGMA encoding = '{encoding}'")
        file.execute("CREATE TABLE t (id integer PRIMARY KEY, short text, data text)")
        file.execute("INSERT INTO t VALUES (1, 'abc', '[1]'), (2, CAST(x'41ff' AS TEXT), '[2]')")
        file.execute("""INSERT INTO t VALUES (3, 'a' || char(0) || 'b', '["x\\u0000y"]')""")
    options = PlanOptions(target_first=True, nul_policy="strip", invalid_utf8="replace")
    report = run_migration(tmp_path / "app.db", database, RunOptions(options))
    assert report.equal
    damaged = "A\ufffd" if encoding == "UTF-8" else rows(database, "SELECT short FROM t WHERE id = 2")[0][0]
    assert rows(database, "SELECT short, data::text FROM t ORDER BY id") == [
        ("abc", "[1]"),
        (damaged, "[2]"),
        ("ab", '["xy"]'),
    ]
