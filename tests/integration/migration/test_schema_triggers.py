"""A translated trigger does in PostgreSQL what it did in SQLite: both get the same changes."""

from __future__ import annotations

import datetime as dt
import decimal
import re
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from migration.planning import plan_migration
from migration.run import RunOptions, run_migration

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from infra.local_postgres import LocalPostgres


class Pair:
    """One schema in both databases."""

    def __init__(self, path: Path, dsn: str, schema: str) -> None:
        self.source = sqlite3.connect(path, isolation_level=None)
        self.source.executescript(schema)
        self.report = run_migration(path, dsn, RunOptions(journal=path.with_suffix(".journal")))
        self.target = psycopg.connect(dsn, autocommit=True)
        self.tables = [
            row[0]
            for row in self.source.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
            if not row[0].startswith("sqlite_")
        ]

    @property
    def left(self) -> dict[str, str]:
        return {item.name: item.why for item in self.report.left}

    def do(self, statement: str) -> str | None:
        """Change both in the same way; an error of one must be an error of the other."""
        said = None
        try:
            self.source.execute(statement)
        except sqlite3.IntegrityError as error:
            said = str(error)
        if said is None:
            self.target.execute(statement.encode())
        else:
            with pytest.raises(psycopg.errors.IntegrityError) as refused:
                self.target.execute(statement.encode())
            assert refused.value.diag.message_primary is not None
            if "constraint failed" not in said:
                assert refused.value.diag.message_primary == said
        return said

    def compare(self) -> None:
        for table in self.tables:
            # Numbers that a database gives out are its own: only PostgreSQL's survive a rollback.
            listed = self.source.execute("SELECT name FROM pragma_table_info(?) WHERE name <> 'seq'", [table])
            names = [row[0] for row in listed]
            there = self.source.execute(f"SELECT {', '.join(names)} FROM {table}").fetchall()
            shown = sql.SQL(", ").join(map(sql.Identifier, names))
            query = sql.SQL("SELECT {} FROM {}").format(shown, sql.Identifier(table))
            here = self.target.execute(query).fetchall()
            assert _rows(here) == _rows(there), table

    def empty(self) -> None:
        for table in reversed(self.tables):
            self.source.execute(f'DELETE FROM "{table}"')
            self.target.execute(
                sql.SQL(
                    "SET session_replication_role = replica; TRUNCATE {} RESTART IDENTITY CASCADE;"
                    "SET session_replication_role = origin"
                ).format(sql.Identifier(table))
            )
        for table in self.tables:  # what triggers wrote while the tables were emptied
            self.source.execute(f'DELETE FROM "{table}"')
        self.compare()

    def close(self) -> None:
        self.source.close()
        self.target.close()


def _rows(rows: Sequence[Sequence[Any]]) -> list[list[str]]:
    return sorted([[_plain(value) for value in row] for row in rows])


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, int | float | decimal.Decimal):
        return f"{float(value):g}"
    if isinstance(value, dt.date):
        value = str(value)
    return "some time" if isinstance(value, str) and re.match(r"20\d\d-.*:", value) else repr(value)


@pytest.fixture
def make(tmp_path: Path, database: str) -> Iterator[Any]:
    made: list[Pair] = []

    def pair(schema: str) -> Pair:
        made.append(Pair(tmp_path / "t.db", database, schema))
        return made[-1]

    yield pair
    for item in made:
        item.close()


def test_an_audit_log_keeps_every_change(make: Any) -> None:
    pair = make("""
        CREATE TABLE "item" (id INTEGER PRIMARY KEY, name TEXT, price REAL, sold BOOLEAN DEFAULT 0);
        CREATE TABLE audit (seq INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT NOT NULL, item INTEGER,
          old_name TEXT, new_name TEXT, at DATETIME DEFAULT CURRENT_TIMESTAMP, noted DATETIME);
        CREATE TRIGGER item_added AFTER INSERT ON item BEGIN
          INSERT INTO audit (what, item, new_name, noted)
            VALUES ('insert', NEW.id, NEW.name, datetime('now'));
        END;
        CREATE TRIGGER item_renamed AFTER UPDATE OF name ON item WHEN OLD.name IS NOT NEW.name BEGIN
          INSERT INTO audit
            VALUES (NULL, 'rename', OLD.id, OLD.name, upper(NEW.name), CURRENT_TIMESTAMP, NULL);
          UPDATE audit SET what = what || '!' WHERE item = NEW.id AND what NOT LIKE '%!';
        END;
        CREATE TRIGGER item_gone AFTER DELETE ON item FOR EACH ROW WHEN OLD.sold = 0 BEGIN
          INSERT INTO audit (what, item) SELECT 'delete ' || count(*), OLD.id FROM audit WHERE item = OLD.id;
          DELETE FROM audit WHERE item = OLD.id AND what = 'insert';
        END;
        INSERT INTO item (name, price) VALUES ('before', 1.5);
    """)
    assert pair.left == {}
    pair.do("""INSERT INTO item (id, name, price) VALUES (10, 'a', 2), (11, NULL, NULL)""")
    pair.do("UPDATE item SET name = 'b' WHERE id >= 10")
    pair.do("UPDATE item SET name = name, price = 3")
    pair.do("UPDATE item SET name = NULL WHERE id = 10")
    pair.do("DELETE FROM item WHERE id = 11")
    pair.do("DELETE FROM item")
    pair.compare()
    assert pair.target.execute("SELECT count(*) FROM audit").fetchone() == (8,)


def test_triggers_do_not_fire_while_the_rows_are_loaded(make: Any) -> None:
    pair = make("""
        CREATE TABLE t (id INTEGER PRIMARY KEY); CREATE TABLE log (t INT);
        INSERT INTO t VALUES (1), (2);
        CREATE TRIGGER logged AFTER INSERT ON t BEGIN INSERT INTO log VALUES (NEW.id); END;
    """)
    assert pair.target.execute("SELECT count(*) FROM log").fetchone() == (0,)
    pair.do("INSERT INTO t VALUES (3)")
    pair.compare()


def test_a_trigger_that_updates_its_own_table_does_not_fire_itself(make: Any) -> None:
    pair = make("""
        CREATE TABLE doc (id INTEGER PRIMARY KEY, body TEXT, version INT DEFAULT 0, updated_at DATETIME);
        CREATE TRIGGER touched AFTER UPDATE ON doc BEGIN
          UPDATE doc SET updated_at = CURRENT_TIMESTAMP, version = version + 1 WHERE rowid = NEW.rowid;
        END;
        INSERT INTO doc (body) VALUES ('a'), ('b');
    """)
    assert pair.left == {}
    pair.do("UPDATE doc SET body = 'x'")
    pair.do("UPDATE doc SET body = 'y' WHERE id = 2")
    pair.compare()
    assert pair.target.execute("SELECT version FROM doc ORDER BY id").fetchall() == [(1,), (2,)]


def test_triggers_of_two_tables_that_write_to_each_other_end(make: Any) -> None:
    pair = make("""
        CREATE TABLE a (id INTEGER PRIMARY KEY, n INT); CREATE TABLE b (id INTEGER PRIMARY KEY, n INT);
        CREATE TRIGGER a_b AFTER UPDATE ON a BEGIN UPDATE b SET n = NEW.n + 1 WHERE id = NEW.id; END;
        CREATE TRIGGER b_a AFTER UPDATE OF n ON b BEGIN UPDATE a SET n = NEW.n + 1 WHERE id = NEW.id; END;
        INSERT INTO a VALUES (1, 0), (2, 0); INSERT INTO b VALUES (1, 0), (2, NULL);
    """)
    for statement in ("UPDATE a SET n = 5", "UPDATE b SET n = 7 WHERE id = 1", "UPDATE a SET n = NULL"):
        pair.do(statement)
        pair.compare()


def test_constraint_triggers_refuse_with_the_same_words(make: Any) -> None:
    pair = make("""
        CREATE TABLE room (id INTEGER PRIMARY KEY, seats INT NOT NULL);
        CREATE TABLE booking (id INTEGER PRIMARY KEY, room INT, seats INT, name TEXT);
        CREATE TRIGGER fits BEFORE INSERT ON booking BEGIN
          SELECT CASE
            WHEN NEW.seats IS NULL THEN RAISE(ABORT, 'no seats')
            WHEN NEW.seats > (SELECT seats FROM room WHERE id = NEW.room) THEN RAISE(ABORT, 'it''s too small')
          END;
          SELECT RAISE(FAIL, 'no such room') WHERE NOT EXISTS (SELECT 1 FROM room r WHERE r.id = NEW.room);
          SELECT ifnull(NEW.name, RAISE(ROLLBACK, 'no name'));
        END;
        CREATE TRIGGER shrinks BEFORE UPDATE OF seats ON room WHEN NEW.seats < OLD.seats BEGIN
          SELECT RAISE(ABORT, 'booked') FROM booking WHERE room = OLD.id AND seats > NEW.seats;
          SELECT CASE WHEN sum(seats) > 20 THEN RAISE(ABORT, 'too many') END FROM booking WHERE room = NEW.id;
        END;
        CREATE TRIGGER stays BEFORE DELETE ON room
          WHEN (SELECT count(*) FROM booking WHERE room = OLD.id) > 0
          BEGIN SELECT RAISE(IGNORE); END;
        INSERT INTO room VALUES (1, 10), (2, 99), (3, 5);
    """)
    assert pair.left == {}
    said = [
        pair.do(f"INSERT INTO booking VALUES {values}")
        for values in (
            *("(1, 1, NULL, 'n')", "(1, 1, 11, 'n')", "(1, 7, 1, 'n')", "(1, 1, 10, NULL)"),
            "(1, 1, 10, 'n')",
        )
    ]
    assert said == ["no seats", "it's too small", "no such room", "no name", None]
    assert pair.do("UPDATE room SET seats = 9 WHERE id = 1") == "booked"
    assert pair.do("UPDATE room SET seats = 10") is None
    pair.do("INSERT INTO booking VALUES (2, 2, 9, 'n'), (3, 2, 8, 'm'), (4, 2, 7, 'o')")
    assert pair.do("UPDATE room SET seats = 9 WHERE id = 2") == "too many"
    pair.do("DELETE FROM room")
    pair.compare()
    assert pair.target.execute("SELECT id FROM room ORDER BY 1").fetchall() == [(1,), (2,)]


def test_conflict_clauses_and_upserts_meet_the_same_rows(make: Any) -> None:
    pair = make("""
        CREATE TABLE visit (id INTEGER PRIMARY KEY, page TEXT, day DATE);
        CREATE TABLE page (name TEXT PRIMARY KEY NOT NULL, visits INT DEFAULT 0, last INT);
        CREATE TABLE latest (page TEXT UNIQUE, visit INT, note TEXT DEFAULT 'none');
        CREATE TABLE seen (page TEXT, day DATE, PRIMARY KEY (page, day)) WITHOUT ROWID;
        CREATE TRIGGER visited AFTER INSERT ON visit WHEN NEW.page IS NOT NULL BEGIN
          INSERT OR IGNORE INTO page (name, last) VALUES (NEW.page, 0);
          UPDATE page SET visits = visits + 1 WHERE name = NEW.page;
          INSERT OR REPLACE INTO latest (page, visit) VALUES (NEW.page, NEW.id);
          INSERT INTO page (name, last) VALUES (NEW.page, NEW.id)
            ON CONFLICT (name) DO UPDATE SET last = max(last, excluded.last) WHERE excluded.last IS NOT NULL;
          INSERT INTO seen SELECT DISTINCT NEW.page, day FROM visit WHERE page = NEW.page AND day IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM seen s WHERE s.page = visit.page AND s.day = visit.day);
        END;
    """)
    assert pair.left == {}
    for values in ("(1, 'a', '2024-01-01')", "(5, 'b', '2024-01-02')", "(3, 'a', NULL)", "(9, NULL, NULL)"):
        pair.do(f"INSERT INTO visit VALUES {values}")
        pair.do("UPDATE latest SET note = 'mine' WHERE page = 'b'")
        pair.compare()
    pair.do("INSERT INTO visit VALUES (20, 'b', '2024-01-03')")
    pair.compare()


def test_writing_to_a_view_writes_to_its_tables(make: Any) -> None:
    pair = make("""
        CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT);
        CREATE TABLE phone (person INT, number TEXT);
        CREATE VIEW contact AS SELECT p.id, p.name, n.number
          FROM person p LEFT JOIN phone n ON n.person = p.id;
        CREATE TRIGGER contact_add INSTEAD OF INSERT ON contact WHEN NEW.id > 0 BEGIN
          INSERT INTO person VALUES (NEW.id, NEW.name);
          INSERT INTO phone SELECT NEW.id, NEW.number WHERE NEW.number IS NOT NULL;
        END;
        CREATE TRIGGER contact_set INSTEAD OF UPDATE ON contact BEGIN
          UPDATE person SET name = NEW.name WHERE id = OLD.id;
          UPDATE phone SET number = NEW.number WHERE person = OLD.id;
        END;
        CREATE TRIGGER contact_gone INSTEAD OF DELETE ON contact BEGIN
          DELETE FROM phone WHERE person = OLD.id;
          DELETE FROM person WHERE id = OLD.id;
        END;
    """)
    assert pair.left == {}
    for statement in (
        "INSERT INTO contact VALUES (1, 'Ann', '123'), (2, 'Bob', NULL), (-1, 'x', 'y')",
        "UPDATE contact SET number = '9', name = 'Anna' WHERE id = 1",
        "DELETE FROM contact WHERE name = 'Bob'",
    ):
        pair.do(statement)
        pair.compare()


def test_the_clock_shifted_identifiers_json_and_padding(make: Any) -> None:
    pair = make("""
        CREATE TABLE session (id INTEGER PRIMARY KEY, code TEXT, opened DATETIME, token TEXT, ended INT);
        CREATE TABLE trail (what TEXT, token TEXT);
        CREATE TRIGGER opened AFTER INSERT ON session BEGIN
          UPDATE session SET code = printf('S%05d', NEW.id), token = lower(hex(randomblob(8)))
            WHERE id = NEW.id;
          DELETE FROM session WHERE opened < datetime('now', '-7 days');
          INSERT INTO trail VALUES (json_object('id', NEW.id, 'code', NEW.code, 'q"', 'a"b'), 'token');
        END;
        CREATE TRIGGER ended AFTER UPDATE OF ended ON session
          WHEN NEW.ended < strftime('%s', 'now') * 1000 BEGIN
          INSERT INTO trail (what) VALUES ('ended in ' || strftime('%Y', NEW.opened) || ' at ' || NEW.ended);
        END;
    """)
    assert pair.left == {}
    pair.source.execute("UPDATE session SET token = 'x'")
    pair.do("INSERT INTO session (id, code, opened) VALUES (1, NULL, '2020-01-01 00:00:00')")
    pair.do("INSERT INTO session (id, code, opened) VALUES (42, 'c', '2999-01-01 00:00:00')")
    pair.do("UPDATE session SET ended = 5")
    for side in (pair.source, pair.target):
        (token,) = side.execute("SELECT token FROM session").fetchone()
        assert re.fullmatch("[0-9a-f]{16}", token)
        side.execute("UPDATE session SET token = 't'")
    pair.compare()
    assert pair.target.execute("SELECT code FROM session").fetchall() == [("S00042",)]


def test_a_rowid_finds_the_row_of_a_table_with_another_key(make: Any) -> None:
    pair = make("""
        CREATE TABLE actor (actor_id NUMERIC NOT NULL, part INT NOT NULL, name TEXT, last_update TIMESTAMP,
          edits INT DEFAULT 0, PRIMARY KEY (actor_id, part));
        CREATE TRIGGER actor_ai AFTER INSERT ON actor BEGIN
          UPDATE actor SET last_update = DATETIME('NOW'), edits = edits + 1 WHERE rowid = new.rowid;
        END;
        CREATE TRIGGER actor_au AFTER UPDATE ON actor BEGIN
          UPDATE actor SET last_update = DATETIME('NOW'), edits = edits + 10 WHERE _rowid_ = new.oid;
        END;
    """)
    assert pair.left == {}
    pair.do("INSERT INTO actor (actor_id, part, name) VALUES (1, 1, 'a'), (1, 2, 'b'), (2, 1, NULL)")
    pair.do("UPDATE actor SET name = 'c' WHERE actor_id = 1")
    pair.do("UPDATE actor SET part = 3 WHERE part = 2")
    pair.compare()


def test_what_a_foreign_key_waits_for_in_sqlite_is_done_in_time(make: Any) -> None:
    pair = make("""
        CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT);
        CREATE TABLE child (id INTEGER PRIMARY KEY, parent INT NOT NULL REFERENCES parent (id), note TEXT);
        CREATE TABLE toy (child INT REFERENCES child, name TEXT);
        CREATE TRIGGER parent_gone AFTER DELETE ON parent WHEN OLD.name IS NOT 'kept' BEGIN
          DELETE FROM child WHERE parent = OLD.id;
        END;
        CREATE TRIGGER child_gone AFTER DELETE ON child BEGIN
          UPDATE toy SET child = NULL WHERE child = OLD.id;
        END;
        CREATE TRIGGER child_comes AFTER INSERT ON child BEGIN
          INSERT OR IGNORE INTO parent VALUES (NEW.parent, 'of ' || NEW.id);
        END;
    """)
    assert pair.left == {}
    pair.source.execute("PRAGMA foreign_keys = ON")
    pair.do("INSERT INTO child VALUES (1, 10, 'a'), (2, 10, 'b'), (3, 11, NULL)")
    pair.do("INSERT INTO toy VALUES (1, 'x'), (3, 'y')")
    pair.do("INSERT INTO parent VALUES (12, 'kept')")
    pair.do("INSERT INTO child VALUES (4, 12, 'c')")
    pair.compare()
    pair.do("DELETE FROM parent WHERE id = 10")
    assert pair.do("DELETE FROM parent WHERE id = 12") is not None
    pair.do("DELETE FROM parent WHERE id = 11")
    pair.compare()
    assert ("changed", "parent_gone") in {(note.level, note.object) for note in pair.report.notes}
    assert not pair.report.verification["surprises"]


def test_triggers_read_and_write_the_enumerations_of_typeorm(make: Any) -> None:
    pair = make("""
        CREATE TABLE typeorm_metadata (type varchar NOT NULL, name varchar, value text);
        CREATE TABLE "user" (id integer PRIMARY KEY AUTOINCREMENT NOT NULL, name varchar,
          kind varchar CHECK (kind IN ('admin', 'user')) NOT NULL DEFAULT ('user'));
        CREATE TABLE grant_log (who varchar, kind varchar);
        CREATE TRIGGER granted AFTER UPDATE OF kind ON "user" WHEN NEW.kind <> OLD.kind BEGIN
          INSERT INTO grant_log VALUES (NEW.name, upper(NEW.kind) || '!');
          UPDATE "user" SET kind = CASE WHEN name = 'root' THEN 'admin' ELSE kind END WHERE id = NEW.id;
          UPDATE "user" SET kind = lower('USER') WHERE name = 'guest' AND kind = NEW.kind;
        END;
        INSERT INTO "user" (name) VALUES ('root'), ('guest'), ('Ann');
    """)
    assert pair.left == {}
    types = pair.target.execute("SELECT count(*) FROM pg_type WHERE typtype = 'e'").fetchone()
    assert types == (1,)
    pair.do("""UPDATE "user" SET kind = 'admin'""")
    pair.do("""UPDATE "user" SET kind = 'user' WHERE name <> 'x'""")
    pair.compare()


SHOP = """
CREATE TABLE owner (id INTEGER PRIMARY KEY, name TEXT, things INT NOT NULL DEFAULT 0, total INT DEFAULT 0);
CREATE TABLE thing (id INTEGER PRIMARY KEY, owner INT REFERENCES owner (id) ON DELETE CASCADE, worth INT,
  label TEXT, edits INT DEFAULT 0);
CREATE TABLE journal (seq INTEGER PRIMARY KEY AUTOINCREMENT, line TEXT);
CREATE TABLE best (owner INT PRIMARY KEY, worth INT, label TEXT);
CREATE TRIGGER thing_in AFTER INSERT ON thing BEGIN
  UPDATE owner SET things = things + 1, total = coalesce(total, 0) + coalesce(NEW.worth, 0)
    WHERE id = NEW.owner;
  INSERT INTO journal (line) VALUES ('in ' || NEW.id || coalesce(' ' || NEW.label, ''));
END;
CREATE TRIGGER thing_out AFTER DELETE ON thing BEGIN
  UPDATE owner SET things = things - 1, total = total - ifnull(OLD.worth, 0) WHERE id = OLD.owner;
  INSERT INTO journal (line) VALUES ('out ' || OLD.id);
END;
CREATE TRIGGER thing_worth AFTER UPDATE OF worth ON thing WHEN NEW.worth > OLD.worth BEGIN
  INSERT OR REPLACE INTO best (owner, worth, label)
    SELECT owner, worth, label FROM thing WHERE owner = NEW.owner AND worth IS NOT NULL
    ORDER BY worth DESC, id LIMIT 1;
END;
CREATE TRIGGER thing_edit AFTER UPDATE ON thing BEGIN
  UPDATE thing SET edits = edits + 1 WHERE id = NEW.id;
END;
CREATE TRIGGER thing_check BEFORE INSERT ON thing BEGIN
  SELECT CASE WHEN NEW.worth < 0 THEN RAISE(ABORT, 'worth less than nothing') END;
  SELECT RAISE(IGNORE) WHERE NEW.label = 'nothing';
END;
CREATE TRIGGER owner_name AFTER UPDATE OF name ON owner WHEN NEW.name IS NOT OLD.name BEGIN
  UPDATE thing SET label = NEW.name WHERE owner = NEW.id AND (label IS NULL OR label = OLD.name);
END;
"""

_owner = st.integers(1, 3)
_worth = st.sampled_from(["NULL", "-1", "0", "5", "9"])
_label = st.sampled_from(["NULL", "'a'", "'nothing'", "'B'"])
_thing = st.integers(1, 6)
_change = st.one_of(
    st.builds("INSERT INTO owner (id, name) VALUES ({}, {})".format, _owner, _label),
    st.builds("INSERT INTO thing (id, owner, worth, label) VALUES ({}, {}, {}, {})".format, _thing, _owner,
              _worth, _label),
    st.builds("UPDATE thing SET worth = {} WHERE id = {}".format, _worth, _thing),
    st.builds("UPDATE thing SET label = {} WHERE owner = {}".format, _label, _owner),
    st.builds("UPDATE owner SET name = {} WHERE id >= {}".format, _label, _owner),
    st.builds("DELETE FROM thing WHERE id = {}".format, _thing),
    st.builds("DELETE FROM owner WHERE id = {}".format, _owner),
)  # fmt: skip


@pytest.fixture(scope="module")
def shared(postgres: LocalPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    dsn = postgres.create_database("triggers")
    pair = Pair(tmp_path_factory.mktemp("triggers") / "t.db", dsn, SHOP)
    pair.source.execute("PRAGMA foreign_keys = ON")
    assert pair.left == {}
    yield pair
    pair.close()
    postgres.drop_database("triggers")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_change, min_size=1, max_size=12))
def test_any_changes_have_the_same_effects(shared: Pair, changes: list[str]) -> None:
    shared.empty()
    for change in changes:
        shared.do(change)
    shared.compare()


LEFT = {
    "an unknown function": ("AFTER INSERT ON t", "SELECT my_function(NEW.a);"),
    "rows of its own table changed before": ("BEFORE UPDATE ON t", "UPDATE t SET b = 1 WHERE a = NEW.a;"),
    "several keys in the way": ("AFTER INSERT ON t", "INSERT OR REPLACE INTO twice VALUES (NEW.a, 1);"),
    "a text as a number": ("AFTER INSERT ON t", "UPDATE t SET a = NEW.txt;"),
    "a table that is not there": ("AFTER INSERT ON t", "INSERT INTO nowhere VALUES (1);"),
    "bare columns beside aggregates": ("AFTER DELETE ON t", "INSERT INTO log SELECT a, count(*) FROM t;"),
    "a column PostgreSQL has not computed yet": ("BEFORE INSERT ON t", "INSERT INTO log VALUES (NEW.g, 1);"),
    "an update that passes over conflicts": ("AFTER INSERT ON t", "UPDATE OR IGNORE t SET a = 1;"),
}


@pytest.mark.parametrize(("head", "body"), LEFT.values(), ids=LEFT)
def test_a_trigger_that_would_do_something_else_is_left(tmp_path: Path, head: str, body: str) -> None:
    path = tmp_path / "left.db"
    with closing(sqlite3.connect(path)) as source:
        source.executescript(f"""
            CREATE TABLE t (a INTEGER, b INTEGER, txt TEXT, g INTEGER AS (a + 1) STORED);
            CREATE TABLE log (a INTEGER, n INTEGER);
            CREATE TABLE twice (a INTEGER UNIQUE, b INTEGER UNIQUE);
            CREATE TRIGGER odd {head} BEGIN {body} END;
        """)
    plan = plan_migration(path)
    assert not [item for item in plan.after_load if item.kind in ("function", "trigger")]
    (note,) = [note for note in plan.notes if note.object == "odd" and note.level == "left"]
    assert (note.kind, note.table) == ("trigger", "t")
    assert note.sql.startswith("CREATE TRIGGER odd")
