from __future__ import annotations

import pytest

from migration.schema.defaults import translate_default

UTC = "(now() AT TIME ZONE 'utc')"


@pytest.mark.parametrize(
    ("default", "target", "expected"),
    [
        ("5", "bigint", "5"),
        ("'5'", "bigint", "5"),
        ("-1", "integer", "-1"),
        ("(- 1)", "integer", "-1"),
        ("0x10", "integer", "16"),
        ("1.5e3", "double precision", "1500.0"),
        ("TRUE", "boolean", "true"),
        ("0", "boolean", "false"),
        ("(1)", "boolean", "true"),
        ("'t'", "boolean", "true"),
        ("true", "bigint", "1"),
        ("false", "text", "'0'"),
        ('"dq"', "text", "'dq'"),
        ("bare", "text", "'bare'"),
        ("'it''s'", "character varying(10)", "'it''s'"),
        ("'a\\b'", "text", "E'a\\\\b'"),
        ("'null'", "text", "'null'"),
        ("NULL", "text", None),
        ("5", "text", "'5'"),
        ("x'00FF'", "bytea", "'\\x00ff'::bytea"),
        ("'ab'", "bytea", "'\\x6162'::bytea"),
        ("'[]'", "json", "'[]'::json"),
        ("'2024-01-02'", "date", "'2024-01-02'::date"),
        ("'12:00'", "time without time zone", "'12:00'::time without time zone"),
        ("CURRENT_TIMESTAMP", "timestamp without time zone", UTC),
        ("(datetime('now'))", "timestamp without time zone", UTC),
        ("current_timestamp", "timestamp with time zone", "now()"),
        ("(strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))", "timestamp with time zone", "now()"),
        ("CURRENT_DATE", "date", f"{UTC}::date"),
        ("(date('now'))", "date", f"{UTC}::date"),
        ("CURRENT_TIME", "time without time zone", f"{UTC}::time(0)"),
        ("(datetime('now'))", "text", f"to_char({UTC}, 'YYYY-MM-DD HH24:MI:SS')"),
        ("(strftime('%s','now'))", "bigint", "floor(extract(epoch FROM now()))::bigint"),
        ("(unixepoch())", "bigint", "floor(extract(epoch FROM now()))::bigint"),
        ("(strftime('%s', 'now') * 1000)", "bigint", "floor(extract(epoch FROM now()) * 1000)::bigint"),
        ("(60 * 60)", "bigint", "(60 * 60)"),
        ("(1 + 1)", "text", "(1 + 1)::text"),
        ("(json_array())", "json", "'[]'"),
    ],
)
def test_a_default_is_written_for_the_column_s_type(default: str, target: str, expected: str | None) -> None:
    translated = translate_default(default, target)
    assert translated.sql == expected
    assert translated.note is None


@pytest.mark.parametrize(
    ("default", "target"),
    [
        ("'null'", "boolean"),
        ("'x'", "bigint"),
        ("1.5", "bigint"),
        ("9223372036854775808", "bigint"),
        ("'yesterday'", "timestamp without time zone"),
        ("'2024-02-30'", "date"),
        ("(date('now', '+1 day'))", "date"),
        ("(my_function())", "text"),
        ("{bad", "json"),
        ("x'00'", "bigint"),
        ("'unclosed", "text"),
        ("CURRENT_TIMESTAMP", "bigint"),
    ],
)
def test_a_default_that_the_type_cannot_hold_is_left_out_and_said(default: str, target: str) -> None:
    translated = translate_default(default, target)
    assert translated.sql is None
    assert translated.level == "left"
    assert translated.note is not None
    assert default.strip("()") in translated.note


def test_typeorm_s_current_time_is_now() -> None:
    translated = translate_default("datetime('now')", "timestamp without time zone", session_clock=True)
    assert translated.sql == "now()"


def test_local_time_is_said_to_follow_the_server() -> None:
    translated = translate_default("(datetime('now', 'localtime'))", "timestamp without time zone")
    assert (translated.sql, translated.level) == ("localtimestamp", "changed")
