"""The value hazards, one by one: what a value must become that other tools lose, bend or stumble over.

Two files are migrated once: one of no known library, whose types give way to its values, and one of TypeORM,
whose types are a contract, so that rows which break it are kept aside.
"""

from __future__ import annotations

import json
import sqlite3
import struct
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
import pytest

from migration.planning import PlanRefusedError, draft_migration
from migration.run import RunOptions, run_migration
from migration.schema.options import PlanOptions
from migration.verify import verify_migration

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from infra.local_postgres import LocalPostgres
    from migration.running.report import RunReport

INF = float("inf")
LARGE_BLOB = bytes(range(256)) * (20 * 4096)  # 20 MB
#: A table of one column for each hazard: its declaration, and what is stored, row by row.
PLAIN: dict[str, tuple[str, list[Any]]] = {
    "h2_limits": ("INTEGER", [2**63 - 1, -(2**63), None]),
    "h2_beyond": ("INTEGER", [1, 18446744073709551615.0]),
    "h3_text": ("INTEGER", [1, 2, "lots"]),
    "h4_blank": ("INTEGER", [1, ""]),
    "h5_numeric_text": ("INTEGER", ["1e3", 7]),
    "h5_other_text": ("INTEGER", ["0x1A", "12abc"]),
    "h6_infinite": ("DECIMAL(10,2)", [1e400, 1.25]),
    "h7_local": ("DATETIME", ["2024-01-02 03:04:05", "2024-01-02T03:04:05.678"]),
    "h8_zoned": ("DATETIME", ["2024-01-02T03:04:05.678Z", "2024-01-02 03:04:05+02:00"]),
    "h9_seconds": ("DATETIME", [1704164645, -86400 * 3650]),
    "h10_ms": ("DATETIME", [1704164645678, "2024-01-02 03:04:05"]),
    "h10_us": ("DATETIME", [1704164645678901]),
    "h10_ns": ("DATETIME", [1704164645678901234]),
    "h10_ambiguous": ("DATETIME", [1704164645, 1704164645678]),
    "h10_real": ("DATETIME", [1704164645.678, 1704164645]),
    "h11_julian": ("DATETIME", [2460311.628, 2460312]),
    "h12_zero": ("DATETIME", ["2024-01-02 03:04:05", "0000-00-00", "0000-00-00 00:00:00", 0, ""]),
    "h12_required": ("DATETIME NOT NULL", ["2024-01-02 03:04:05", ""]),
    "h13_unclear": ("DATE", ["01/02/2024", "2024-01-02"]),
    "h13_24": ("DATETIME", ["2024-01-02 24:00", "2016-12-31 23:59:60"]),
    "h13_far": ("DATETIME", ["12024-01-02 00:00:00"]),
    "h14_booleans": ("BOOLEAN", [1, 0, "true", "f", "T", "FALSE", None]),
    "h14_words": ("BOOLEAN", [1, "yes"]),
    "h15_two": ("BOOLEAN", [1, 2]),
    "h18_infinity": ("REAL", [INF, -INF, 1.5]),
    "h19_nan": ("REAL", [float("nan"), 1.5]),
    "h20_bits": ("REAL", [4.9e-324, 1.7976931348623157e308, 1 / 3, 0.1 + 0.2]),
    "h20_minus_zero": ("", [-0.0, 0.5]),
    "h21_bytes": ("BLOB", [b"\x00\xff", "text", "aGVsbG8=", 42, 1.5]),
    "h22_large": ("BLOB", [LARGE_BLOB]),
    "h47_json": ("JSON", ['{"a": 1}', "{'a': 1}"]),
    "h47_jsonb": ("JSON", ['{"b": 2}', bytes.fromhex("4c17611331")]),
    "h48_mixed": ("", [1, 1.5, "text", b"\x01\xff", None]),
    "h48_alone": ("ANY", [1, 2]),
    "h49_big": ("UNSIGNED BIG INT", [2**62]),
    "h49_characters": ("VARYING CHARACTER(20)", ["x"]),
    "h50_odd": ("INTEGER_OR_TEXT", [1, "x"]),
    "uuid_36": ("CHAR(36)", ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]),
    "uuid_32": ("CHAR(32)", ["a0eebc999c0b4ef8bb6d6bb9bd380a11"]),
    "uuid_16": ("UUID", [bytes(range(16)), "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"]),
}
#: The same for a file of TypeORM's: most rows are sound, so that those which are not are kept aside.
SOUND = 8
CONTRACT: dict[str, tuple[str, Any, list[Any]]] = {
    "h1_wide": ("integer", 1, [2147483648]),
    "h3_text": ("integer", 1, ["lots", "12abc"]),
    "h4_blank": ("integer NOT NULL", 1, [""]),
    "h6_decimal": ("decimal(10,2)", 1.25, ["abc", 1e400]),
    "h12_required": ("datetime NOT NULL", "2024-01-02 03:04:05.000", ["", "0000-00-00"]),
    "h13_unclear": ("datetime", "2024-01-02 03:04:05.000", ["01/02/2024", "now", "2024-01-02 25:61:00"]),
    "h13_time": ("time", "03:04:05", ["25:61"]),
    "h15_two": ("boolean", 1, [2, "maybe"]),
    "h47_json": ("json", '{"a": 1}', ["{'a': 1}", "not json"]),
    "long": ("varchar(3)", "abc", ["abcdef"]),
    "uuid": ("uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", ["x"]),
}


def make(path: Path, tables: dict[str, tuple[str, list[Any]]], *more: str) -> Path:
    with closing(sqlite3.connect(path)) as source, source:
        for name, (declared, stored) in tables.items():
            source.execute(f'CREATE TABLE "{name}" (id INTEGER PRIMARY KEY, x {declared})')
            source.executemany(f'INSERT INTO "{name}" (x) VALUES (?)', [(value,) for value in stored])
        for statement in more:
            source.execute(statement)
    return path


@dataclass(frozen=True)
class Migrated:
    """A file, the database it was migrated to, and what the migration said."""

    path: Path
    dsn: str
    report: RunReport

    def values(self, table: str, form: str = "x") -> list[Any]:
        return [row[0] for row in self.rows(f'SELECT {form} FROM "{table}" ORDER BY id')]

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn) as target:
            target.execute("SET timezone = 'UTC'")
            return target.execute(query.encode()).fetchall()

    def type(self, table: str) -> str:
        ((found,),) = self.rows(
            "SELECT format_type(atttypid, atttypmod) FROM pg_attribute"
            f" WHERE attrelid = '\"{table}\"'::regclass AND attname = 'x'"
        )
        return str(found)

    def notes(self, table: str) -> list[str]:
        return [note.level for note in self.report.notes if note.object == f"{table}.x"]

    def rejects(self, table: str) -> dict[int, Any]:
        """The rejected values by rowid, as they were stored: class and bytes."""
        rows = self.rows(
            "SELECT source_rowid, original->'x'->>'class', original->'x'->>'hex', original->'x'->>'value'"
            f" FROM outgrow_rejects.rejects WHERE source_table = '{table}' ORDER BY 1"
        )
        return {
            rowid: (kind, value if digits is None else bytes.fromhex(digits))
            for rowid, kind, digits, value in rows
        }


@pytest.fixture(scope="module")
def plain(postgres: LocalPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Migrated]:
    folder = tmp_path_factory.mktemp("plain")
    path = make(
        folder / "plain.db",
        PLAIN,
        "CREATE TABLE h23 (code TEXT PRIMARY KEY, x)",
        "INSERT INTO h23 VALUES (NULL, 1), (NULL, 2), ('a', 3)",
        "CREATE TABLE h24 (id INTEGER PRIMARY KEY, x TEXT COLLATE NOCASE UNIQUE)",
        "INSERT INTO h24 (x) VALUES ('A@x')",
        "CREATE TABLE h54 (id INTEGER PRIMARY KEY AUTOINCREMENT, x)",
        "INSERT INTO h54 VALUES (41, 1), (42, 2)",
        "DELETE FROM h54 WHERE id = 42",
    )
    dsn = postgres.create_database("hazards_plain")
    yield Migrated(path, dsn, run_migration(path, dsn))
    postgres.drop_database("hazards_plain")


@pytest.fixture(scope="module")
def contract(postgres: LocalPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Migrated]:
    path = make(
        tmp_path_factory.mktemp("contract") / "contract.db",
        {name: (declared, [sound] * SOUND + odd) for name, (declared, sound, odd) in CONTRACT.items()},
    )
    dsn = postgres.create_database("hazards_contract")
    yield Migrated(path, dsn, run_migration(path, dsn, RunOptions(PlanOptions(orm="typeorm"))))
    postgres.drop_database("hazards_contract")


def test_every_row_of_a_file_of_no_known_library_arrives(plain: Migrated) -> None:
    assert plain.report.rejected.rows == 0
    assert plain.report.equal is not None
    assert plain.report.verification is not None
    assert plain.report.verification["rows_equal"]
    assert plain.rows("SELECT to_regnamespace('outgrow_rejects')") == [(None,)], "nothing was rejected"


def test_01_a_column_with_2147483648_becomes_bigint(contract: Migrated) -> None:
    assert contract.type("h1_wide") == "bigint"
    assert contract.values("h1_wide")[-1] == 2147483648
    assert "widened" in contract.notes("h1_wide")


def test_02_the_limits_of_64_bits_are_kept(plain: Migrated) -> None:
    assert plain.values("h2_limits") == [2**63 - 1, -(2**63), None]


def test_02_integers_beyond_64_bits_become_numeric_and_are_said_to_be_rounded(plain: Migrated) -> None:
    assert plain.type("h2_beyond") == "numeric"
    assert [float(value) for value in plain.values("h2_beyond")] == [1.0, 18446744073709551615.0]
    assert "changed" in plain.notes("h2_beyond")


def test_03_text_in_an_integer_column_makes_it_text(plain: Migrated) -> None:
    assert plain.type("h3_text") == "text"
    assert plain.values("h3_text") == ["1", "2", "lots"]


def test_03_text_in_an_integer_column_of_an_orm_is_rejected_with_its_bytes(contract: Migrated) -> None:
    assert contract.type("h3_text") == "integer"
    assert contract.values("h3_text") == [1] * SOUND
    assert contract.rejects("h3_text") == {SOUND + 1: ("text", b"lots"), SOUND + 2: ("text", b"12abc")}


def test_04_a_blank_is_never_made_null_in_a_number_without_leave(plain: Migrated, contract: Migrated) -> None:
    assert plain.values("h4_blank") == ["1", ""]
    assert contract.rejects("h4_blank") == {SOUND + 1: ("text", b"")}


def test_05_what_sqlite_stored_is_moved_and_not_what_was_written(plain: Migrated) -> None:
    assert plain.values("h5_numeric_text") == [1000, 7]
    assert plain.values("h5_other_text") == ["0x1A", "12abc"]


def test_06_infinity_in_a_decimal_column_widens_it(plain: Migrated) -> None:
    assert plain.values("h6_infinite") == [INF, 1.25]


def test_06_infinity_and_text_in_a_decimal_column_of_an_orm_are_rejected(contract: Migrated) -> None:
    assert contract.type("h6_decimal") == "numeric(10,2)"
    assert contract.values("h6_decimal") == [Decimal("1.25")] * SOUND
    assert contract.rejects("h6_decimal") == {
        SOUND + 1: ("text", b"abc"),
        SOUND + 2: ("real", struct.pack(">d", INF)),
    }


def test_07_a_clock_without_a_zone_stays_as_it_is(plain: Migrated) -> None:
    assert plain.type("h7_local") == "timestamp without time zone"
    assert plain.values("h7_local")[1] == datetime.fromisoformat("2024-01-02T03:04:05.678")


def test_08_offsets_are_honoured(plain: Migrated) -> None:
    assert plain.values("h8_zoned") == [
        datetime(2024, 1, 2, 3, 4, 5, 678_000, UTC),
        datetime(2024, 1, 2, 1, 4, 5, tzinfo=UTC),
    ]


@pytest.mark.parametrize(
    ("table", "moments"),
    [
        ("h9_seconds", ["2024-01-02 03:04:05", "1960-01-04 00:00:00"]),
        ("h10_ms", ["2024-01-02 03:04:05.678", "2024-01-02 03:04:05"]),
        ("h10_us", ["2024-01-02 03:04:05.678901"]),
        ("h10_ns", ["2024-01-02 03:04:05.678901"]),
        ("h10_real", ["2024-01-02 03:04:05.678", "2024-01-02 03:04:05"]),
        ("h11_julian", ["2024-01-02 03:04:19.200", "2024-01-02 12:00:00"]),
    ],
)
def test_09_10_11_numbers_are_the_instants_that_their_magnitude_tells(
    plain: Migrated, table: str, moments: list[str]
) -> None:
    assert plain.type(table) == "timestamp with time zone"
    assert plain.values(table) == [datetime.fromisoformat(moment).replace(tzinfo=UTC) for moment in moments]
    assert "changed" in plain.notes(table)


def test_10_numbers_of_two_magnitudes_are_not_guessed(plain: Migrated) -> None:
    assert plain.values("h10_ambiguous") == [1704164645, 1704164645678]


def test_12_dates_of_zeros_become_null_where_the_column_takes_it(plain: Migrated) -> None:
    assert plain.type("h12_zero") == "timestamp without time zone"
    assert plain.values("h12_zero")[1:] == [None] * 4
    assert "changed" in plain.notes("h12_zero")
    assert plain.values("h12_required") == ["2024-01-02 03:04:05", ""], "no NULL there, so it stays text"


def test_12_blank_dates_that_may_not_be_null_are_rejected(contract: Migrated) -> None:
    assert contract.rejects("h12_required") == {SOUND + 1: ("text", b""), SOUND + 2: ("text", b"0000-00-00")}


def test_13_days_and_months_are_never_guessed(plain: Migrated, contract: Migrated) -> None:
    assert plain.values("h13_unclear") == ["01/02/2024", "2024-01-02"]
    assert [stored for _, stored in contract.rejects("h13_unclear").values()] == [
        b"01/02/2024",
        b"now",
        b"2024-01-02 25:61:00",
    ]
    assert contract.values("h13_time") == [time(3, 4, 5)] * SOUND
    assert plain.values("h13_far") == ["12024-01-02 00:00:00"]


def test_13_the_24th_hour_and_the_60th_second_are_what_postgresql_makes_of_them(plain: Migrated) -> None:
    expected = plain.rows("SELECT '2024-01-02 24:00'::timestamp, '2016-12-31 23:59:60'::timestamp")[0]
    assert tuple(plain.values("h13_24")) == expected


def test_14_the_listed_words_are_booleans_and_others_only_with_leave(
    plain: Migrated, tmp_path: Path, database: str
) -> None:
    assert plain.values("h14_booleans") == [True, False, True, False, True, False, None]
    assert plain.type("h14_words") == "text"
    path = make(tmp_path / "words.db", {"t": ("BOOLEAN", [1, "yes", "N", "off"])})
    options = PlanOptions(boolean_words=True)
    moved = Migrated(path, database, run_migration(path, database, RunOptions(options)))
    assert moved.values("t") == [True, True, False, False]
    assert moved.report.equal


def test_15_a_boolean_2_makes_the_column_smallint_or_is_rejected(plain: Migrated, contract: Migrated) -> None:
    assert (plain.type("h15_two"), plain.values("h15_two")) == ("smallint", [1, 2])
    assert contract.type("h15_two") == "boolean"
    assert contract.rejects("h15_two") == {SOUND + 1: ("integer", "2"), SOUND + 2: ("text", b"maybe")}


DAMAGED = {
    "nul": ("TEXT", ["fine", "a\0b", "c"]),
    "other": ("INTEGER", [1]),
}


@pytest.mark.parametrize(
    ("policy", "kind", "arrived"),
    [
        ("strip", "text", ["fine", "ab", "c"]),
        ("replace", "text", ["fine", "a\u2400b", "c"]),
        ("bytea", "bytea", [b"fine", b"a\0b", b"c"]),
        ("reject", "text", ["fine", "c"]),
    ],
)
def test_16_text_with_nul_arrives_as_the_user_chose_and_never_cut(
    tmp_path: Path, database: str, policy: Any, kind: str, arrived: list[Any]
) -> None:
    rejected = len(DAMAGED["nul"][1]) - len(arrived)
    path = make(tmp_path / "nul.db", DAMAGED)
    with pytest.raises(PlanRefusedError, match="NUL"):
        run_migration(path, database)
    options = PlanOptions(nul_policy=policy)
    moved = Migrated(path, database, run_migration(path, database, RunOptions(options)))
    assert (moved.type("nul"), moved.values("nul")) == (kind, arrived)
    assert moved.report.rejected.rows == rejected
    assert moved.report.equal
    if rejected:
        assert moved.rejects("nul") == {2: ("text", b"a\0b")}


@pytest.mark.parametrize(
    ("policy", "arrived", "rejected"),
    [
        ("replace", ["fine", "a\ufffdb"], 0),
        ("latin-1", ["fine", "a\xffb"], 0),
        ("bytea", [b"fine", b"a\xffb"], 0),
        ("reject", ["fine"], 1),
    ],
)
def test_17_invalid_utf_8_arrives_as_the_user_chose(
    tmp_path: Path, database: str, policy: Any, arrived: list[Any], rejected: int
) -> None:
    path = make(
        tmp_path / "bad.db",
        {"t": ("TEXT", ["fine"])},
        "INSERT INTO t (x) VALUES (CAST(x'61ff62' AS TEXT))",
    )
    with pytest.raises(PlanRefusedError, match="UTF-8"):
        run_migration(path, database)
    options = PlanOptions(invalid_utf8=policy)
    moved = Migrated(path, database, run_migration(path, database, RunOptions(options)))
    assert moved.values("t") == arrived
    assert moved.report.equal
    assert moved.report.rejected.rows == rejected
    if rejected:
        assert moved.rejects("t") == {2: ("text", b"a\xffb")}


def test_18_infinities_are_kept(plain: Migrated) -> None:
    assert plain.values("h18_infinity") == [INF, -INF, 1.5]


def test_19_nan_is_null_already(plain: Migrated) -> None:
    assert plain.values("h19_nan") == [None, 1.5]


def test_20_reals_arrive_bit_by_bit(plain: Migrated) -> None:
    sent = plain.values("h20_bits", "float8send(x)")
    assert sent == [struct.pack(">d", value) for value in PLAIN["h20_bits"][1]]
    assert plain.values("h20_minus_zero", "float8send(x)") == [
        struct.pack(">d", -0.0),
        struct.pack(">d", 0.5),
    ]


def test_21_everything_in_a_blob_column_becomes_its_bytes_and_base64_is_not_guessed(plain: Migrated) -> None:
    assert plain.type("h21_bytes") == "bytea"
    assert plain.values("h21_bytes") == [b"\x00\xff", b"text", b"aGVsbG8=", b"42", b"1.5"]


def test_22_a_blob_of_20_mb_arrives(plain: Migrated) -> None:
    assert plain.values("h22_large", "md5(x)") == plain.values(
        "h22_large", f"md5('\\x{LARGE_BLOB.hex()}'::bytea)"
    )


def test_23_a_primary_key_with_nulls_becomes_unique(plain: Migrated) -> None:
    assert plain.rows("SELECT code, x FROM h23 ORDER BY x") == [(None, 1), (None, 2), ("a", 3)]
    assert plain.rows("SELECT contype FROM pg_constraint WHERE conrelid = 'h23'::regclass") == [("u",)]


def test_24_unique_without_case_stays_so(plain: Migrated) -> None:
    with psycopg.connect(plain.dsn) as target, pytest.raises(psycopg.errors.UniqueViolation):
        target.execute("INSERT INTO h24 (x) VALUES ('a@X')")


def test_47_invalid_json_makes_text_or_is_rejected(plain: Migrated, contract: Migrated) -> None:
    assert plain.values("h47_json") == ['{"a": 1}', "{'a': 1}"]
    assert plain.type("h47_json") == "text"
    assert [stored for _, stored in contract.rejects("h47_json").values()] == [b"{'a': 1}", b"not json"]


def test_47_sqlite_s_binary_json_becomes_json(plain: Migrated) -> None:
    assert plain.type("h47_jsonb") == "json"
    assert plain.values("h47_jsonb") == [{"b": 2}, {"a": 1}]


def test_48_typeless_columns_follow_their_values(plain: Migrated) -> None:
    assert plain.values("h48_mixed") == ["1", "1.5", "text", "\\x01ff", None]
    assert plain.type("h48_alone") == "bigint"


def test_49_types_of_several_words_are_known(plain: Migrated) -> None:
    assert (plain.type("h49_big"), plain.type("h49_characters")) == ("bigint", "character varying(20)")


def test_50_an_unknown_type_falls_back_on_its_affinity(plain: Migrated) -> None:
    assert plain.values("h50_odd") == ["1", "x"]


def test_51_a_file_in_utf_16_arrives_and_rejects_in_its_own_bytes(tmp_path: Path, database: str) -> None:
    path = tmp_path / "wide.db"
    with closing(sqlite3.connect(path)) as source, source:
        source.execute("PRAGMA encoding = 'UTF-16le'")
        source.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, x INTEGER, y TEXT)")
        source.executemany("INSERT INTO t VALUES (?, ?, ?)", [(n, n, "naïve €𝄞") for n in range(4)])
        source.execute("INSERT INTO t VALUES (9, 'größe', 'x')")
    moved = Migrated(path, database, run_migration(path, database, RunOptions(PlanOptions(misfits="reject"))))
    assert moved.values("t", "y") == ["naïve €𝄞"] * 4
    assert moved.rejects("t") == {9: ("text", "größe".encode("utf-16-le"))}
    assert moved.report.equal


def test_52_a_column_whose_collation_only_the_application_knows_arrives(
    tmp_path: Path, database: str
) -> None:
    path = tmp_path / "collation.db"
    with closing(sqlite3.connect(path)) as source, source:
        source.create_collation("unicase", lambda left, right: (left > right) - (left < right))
        source.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT COLLATE unicase)")
        source.execute("CREATE INDEX i ON t (x)")
        source.executemany("INSERT INTO t (x) VALUES (?)", [("b",), ("a",)])
    moved = Migrated(path, database, run_migration(path, database))
    assert moved.values("t") == ["b", "a"]
    assert any("unicase" in note.text for note in moved.report.notes)


def test_53_durations_of_django_are_microseconds(tmp_path: Path, database: str) -> None:
    path = make(
        tmp_path / "django.db",
        {"django_migrations": ("text", [])},
        "CREATE TABLE app_run (id integer NOT NULL PRIMARY KEY AUTOINCREMENT, duration bigint NOT NULL)",
        "INSERT INTO app_run (duration) VALUES (90061000001)",
    )
    moved = Migrated(path, database, run_migration(path, database, RunOptions(PlanOptions(orm="django"))))
    assert moved.rows("SELECT duration FROM app_run") == [
        (timedelta(days=1, hours=1, minutes=1, microseconds=1000001),)
    ]


def test_54_the_sequence_goes_on_behind_what_was_deleted(plain: Migrated) -> None:
    with psycopg.connect(plain.dsn) as target:
        assert target.execute("INSERT INTO h54 (x) VALUES (3) RETURNING id").fetchone() == (43,)
        target.rollback()


def test_uuids_in_characters_and_bytes_are_uuids(plain: Migrated) -> None:
    known = UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")
    assert plain.values("uuid_36") == [known]
    assert plain.values("uuid_32") == [known]
    assert plain.values("uuid_16") == [UUID(bytes=bytes(range(16))), known]


def test_text_longer_than_declared_widens_and_is_never_rejected(contract: Migrated) -> None:
    assert (contract.type("long"), contract.values("long")[-1]) == ("text", "abcdef")


def test_the_rejects_of_a_run_are_those_that_inspect_announced(contract: Migrated) -> None:
    planned = draft_migration(contract.path, PlanOptions(orm="typeorm")).plan
    announced = {table.name: table.rejects for table in planned.tables if table.rejects}
    found = {table.name: table.rejected for table in contract.report.tables if table.rejected}
    assert announced == found
    assert sum(found.values()) == contract.report.rejected.rows > 0
    assert {note.object for note in planned.notes if note.level == "rejected"} == {
        f"{name}.x" for name in found
    }


def test_rejects_are_a_reason_for_exit_code_3_and_no_difference(contract: Migrated) -> None:
    assert contract.report.exit_code == 3
    assert contract.report.equal
    found = verify_migration(contract.path, contract.dsn, PlanOptions(orm="typeorm"))
    assert found.equal
    assert found.rejected == contract.report.rejected.rows


def test_the_rejects_file_says_the_same_as_the_table(contract: Migrated) -> None:
    assert contract.report.rejected.file == contract.path.with_name("contract.db.outgrow-rejects.jsonl")
    lines = [json.loads(line) for line in contract.report.rejected.file.read_text("utf-8").splitlines()]
    columns = "source_table, source_rowid, source_column, reason, original"
    rows = contract.rows(f"SELECT {columns} FROM outgrow_rejects.rejects ORDER BY id")
    assert [
        (line["table"], line["rowid"], line["column"], line["reason"], line["original"]) for line in lines
    ] == rows
    assert lines[0]["schema"] == "public"


def test_dates_arrive_as_dates(tmp_path: Path, database: str) -> None:
    path = make(tmp_path / "dates.db", {"t": ("DATE", ["2024-02-29", "", "0000-00-00", 0])})
    moved = Migrated(path, database, run_migration(path, database))
    assert moved.values("t") == [date(2024, 2, 29), None, None, None]
    assert moved.report.equal


@pytest.mark.parametrize(
    ("blanks", "arrived", "rejected"),
    [("null", [1, None], 1), ("reject", [1], 2)],
)
def test_blanks_become_null_or_are_rejected_as_the_user_chose(
    tmp_path: Path, database: str, blanks: Any, arrived: list[Any], rejected: int
) -> None:
    path = make(
        tmp_path / "blanks.db", {"t": ("INTEGER", [1, ""]), "required": ("INTEGER NOT NULL", [1, 2, ""])}
    )
    with pytest.raises(PlanRefusedError, match="blank"):
        run_migration(path, database, RunOptions(PlanOptions(blanks="refuse")))
    options = PlanOptions(blanks=blanks)
    moved = Migrated(path, database, run_migration(path, database, RunOptions(options)))
    assert moved.values("t") == arrived
    assert moved.values("required") == [1, 2]
    assert moved.report.rejected.rows == rejected
    assert moved.report.equal
