from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from migration.errors import RulesRefusedError
from migration.planning import draft_migration
from migration.rules.changes import changed_rules
from migration.rules.document import RulesShape, json_schema
from migration.rules.reading import read_rules
from migration.rules.starter import starter
from migration.rules.values import ColumnRule, Rules
from migration.schema.options import PlanOptions

if TYPE_CHECKING:
    from pathlib import Path

FILE = """
CREATE TABLE "user" (id INTEGER PRIMARY KEY, email text, "createdAt" integer);
CREATE TABLE "order items" (id INTEGER PRIMARY KEY, "on" text);
CREATE VIEW names AS SELECT email FROM "user";
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "rules.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(FILE)
    return path


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(RulesRefusedError) as refused:
        read_rules(written(folder, text))
    return f"{refused.value.what}|{refused.value.why}"


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("tabels:\n  a: {skip: true}", 1, "tabels is wrong|did you mean tables?"),
        ("tables:\n  a: {skipp: true}", 2, "skipp is wrong|did you mean skip?; known are skip, rename"),
        ("tables:\n  a: {skip: maybe}", 2, "tables: a: skip is wrong"),
        ("tables: [a]", 1, "tables is wrong|keys and values are needed here"),
        ("columns:\n\n  t.a: {typ: text}", 3, "columns: t.a: typ is wrong|did you mean type?"),
        ("columns:\n  t.a: {type: 'text; DROP TABLE x'}", 2, "a PostgreSQL type is needed"),
        ("columns:\n  t.a: {format: epoch_ms}", 2, "such as %d/%m/%Y is needed; did you mean epoch-ms?"),
        ("columns:\n  t.a: {time_zone: Europe/Berlinn}", 2, "did you mean Europe/Berlin?"),
        ("columns:\n  t.a: {nul: stripp}", 2, "did you mean strip?; allowed are 'refuse', 'strip'"),
        ("columns:\n  t.a:\n    default: 'now(); x'", 3, "one SQL expression is needed"),
        ("columns:\n  t.a:\n    default: \"'open\"", 3, "an SQL expression is needed: the quote"),
        ("columns:\n  created_at: {skip: true}", 2, "a column is table.column, or *.column for every table"),
        ("columns:\n  '*.a': {rename: b}", 2, "give one exact name"),
        ("columns:\n  t.a: {rename: ctid}", 2, "PostgreSQL keeps this name for itself"),
        ("columns:\n  t.a: {skip: true, type: text}", 2, "what is skipped needs no other rule"),
        ("columns:\n  t.a: {transform: clean.phone}", 2, "module:function is needed"),
        ("columns:\n  t.a: {transform: 'nowhere:phone'}", 2, "the transform nowhere:phone cannot be read"),
        (f"tables:\n  a: {{rename: {'x' * 64}}}", 2, "a name has at most 63 bytes in PostgreSQL"),
        ("hooks:\n  after_all: [SELECT 1, COMMIT]", 2, "COMMIT cannot run inside the transaction of a hook"),
        ("hooks:\n  after_all: ['-- now\n\n SELECT 1; vacuum t']", 2, "VACUUM cannot run inside"),
        ("hooks:\n  after_al: [SELECT 1]", 2, "did you mean after_all?"),
        ("hooks:\n  after_all:\n    - SELECT 1\n    - create index concurrently", 4, "CONCURRENTLY"),
        ("tables:\n  a: {skip: true}\n  a: {skip: false}", 3, "this is not YAML|a is given twice"),
        ("tables:\n  *.a: {skip: true}", 2, "this is not YAML"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line_and_what_is_allowed(
    tmp_path: Path, text: str, line: int, told: str
) -> None:
    said = refusal(tmp_path, text)
    assert f"rules.yaml, line {line}: " in said
    assert told in said


def test_a_missing_file_says_how_to_begin(tmp_path: Path) -> None:
    with pytest.raises(RulesRefusedError) as refused:
        read_rules(tmp_path / "none.yaml")
    assert "outgrow migrate rules SRC" in refused.value.next_step


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("tables:\n  usr: {skip: true}", 2, "names no table or view of the file; because did you mean user?"),
        ("columns:\n  user.emial: {skip: true}", 2, "names no column of the file; because did you mean user"),
        ("columns:\n  '*.created_at': {skip: true}", 2, "names no column of the file"),
        ("columns:\n  user.createdAt: {type: text, format: epoch-ms}", 2, "has a format and the type text"),
        ("columns:\n  user.email: {rename: createdAt}", 2, "to createdAt; because another one has this name"),
        ("columns:\n  user.email: {rename: x}\n  user.id: {rename: x}", 2, "another rule gives this name"),
        ("tables:\n  user: {rename: names}", 2, "is renamed to names; because another one has this name"),
    ],
)  # fmt: skip
def test_a_rule_that_does_not_fit_the_file_is_refused(
    tmp_path: Path, source: Path, text: str, line: int, told: str
) -> None:
    rules = read_rules(written(tmp_path, text))
    with pytest.raises(RulesRefusedError) as refused:
        draft_migration(source, PlanOptions(rules=rules))
    assert f"rules.yaml, line {line}: " in str(refused.value)
    assert told in str(refused.value)


def test_entries_apply_from_top_to_bottom_and_exact_names_win() -> None:
    rules = Rules(
        (),
        (
            ColumnRule("t.a", type="bigint"),
            ColumnRule("*.a", type="text", nul="strip", default="1"),
            ColumnRule("t.*", nul="replace", no_default=True),
        ),
    )
    found = rules.column("T", "a")
    assert (found.type, found.nul, found.default, found.no_default) == ("bigint", "replace", None, True)
    assert rules.column("u", "a").default == "1"
    assert rules.column("u", "b") == ColumnRule("u.b")


def test_rules_survive_the_journal_and_lines_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "clean.py").write_text("def phone(value):\n    return value\n")
    text = """
tables: {a: {skip: true}}
columns: {t.a: {type: "numeric(8,2)", default: null, transform: "clean:phone"}, "*.b": {format: "%d.%m.%Y"}}
hooks: {after_all: [SELECT 1;]}
"""
    rules = read_rules(written(tmp_path, text))
    options = PlanOptions(include=("a",), rules=rules)
    kept = json.loads(json.dumps(options.to_json()))
    assert PlanOptions.from_json(kept) == options
    assert PlanOptions.from_json(kept).to_json() == kept
    assert rules.hooks.after_all == ("SELECT 1",)
    assert read_rules(written(tmp_path, "\n\n" + text)) == rules


def test_another_function_is_another_plan(tmp_path: Path) -> None:
    path = written(tmp_path, "columns: {t.a: {transform: 'clean:phone'}}")
    (tmp_path / "clean.py").write_text("def phone(value):\n    return value\n")
    before = read_rules(path).to_json()
    (tmp_path / "clean.py").write_text("def phone(value):\n    return None\n")
    (change,) = changed_rules(before, read_rules(path).to_json())
    assert change.startswith("the rules: columns: t.a: transform: sha256: was ")


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("def fone(value): ...", "has no function phone; because did you mean fone?"),
        ("def phone(value) ...", "cannot be loaded; because SyntaxError"),
        ("raise RuntimeError('no')", "cannot be loaded; because RuntimeError: no"),
    ],
)
def test_a_transform_that_cannot_run_is_refused(tmp_path: Path, code: str, told: str) -> None:
    (tmp_path / "clean.py").write_text(code)
    with pytest.raises(RulesRefusedError) as refused:
        read_rules(written(tmp_path, "columns:\n  t.a: {transform: 'clean:phone'}"))
    assert told in str(refused.value)
    assert "rules.yaml, line 2" in str(refused.value)


def test_the_printed_beginning_says_nothing_and_every_line_of_it_is_a_rule(
    tmp_path: Path, source: Path
) -> None:
    text = starter(source)
    assert read_rules(written(tmp_path, text)) == Rules()
    for line in text.splitlines():
        if line.startswith("  # ") and "{" in line:
            part = "columns" if "type:" in line else "tables"
            said: dict[str, Any] = yaml.safe_load(line.replace("  # ", "", 1))
            RulesShape.model_validate({part: said})
            rules = read_rules(written(tmp_path, yaml.safe_dump({part: said})))
            draft_migration(source, PlanOptions(rules=rules))
    assert '"order items.on": {type: text}' in text


def test_the_json_schema_names_every_key_with_a_description() -> None:
    schema = json_schema()
    assert set(schema["properties"]) == {"tables", "columns", "hooks"}
    columns = schema["$defs"]["ColumnShape"]["properties"]
    assert set(columns) >= {"skip", "rename", "type", "format", "default", "transform"}
    assert all("description" in told for told in columns.values())


@pytest.mark.parametrize(
    "statement",
    [
        "DO $$ BEGIN PERFORM 1; COMMIT; END $$",
        "SELECT 'a; COMMIT'; SELECT 2",
        "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END",
        "COMMENT ON TABLE ended IS 'x'",
        "REINDEX TABLE t",
    ],
)
def test_a_hook_may_be_any_sql_that_a_transaction_takes(tmp_path: Path, statement: str) -> None:
    text = json.dumps({"hooks": {"after_load": [statement]}})
    assert read_rules(written(tmp_path, text)).hooks.after_load == (statement,)
