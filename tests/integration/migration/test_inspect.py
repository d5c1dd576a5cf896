"""`outgrow migrate inspect` and `outgrow migrate script`, run as the user runs them."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path


def outgrow(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "outgrow", "migrate", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def app(tmp_path: Path) -> Path:
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(
            """CREATE TABLE person (
              id INTEGER PRIMARY KEY, age SMALLINT, note TEXT, boss INT REFERENCES person);
            INSERT INTO person VALUES (1, 40000, 'x', NULL), (2, 7, NULL, 9);
            CREATE VIEW old AS SELECT age, strftime('%Y', note) FROM person;"""
        )
    return path


def document(*arguments: str | Path) -> Any:
    ran = outgrow(*arguments, "--json")
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_every_column_says_what_is_stored_what_it_becomes_and_why(app: Path) -> None:
    found = document("inspect", app)
    (table,) = found["tables"]
    assert (table["name"], table["rows"], table["orphans"]) == ("person", 2, 1)
    age = next(column for column in table["columns"] if column["name"] == "age")
    assert (age["declared_type"], age["stored"], age["target_type"]) == (
        "SMALLINT",
        {"integer": 2},
        "integer",
    )
    assert "40000" in age["why"]
    note = next(column for column in table["columns"] if column["name"] == "note")
    assert (note["stored"], note["nulls"]) == ({"text": 1}, 1)
    levels = {(item["level"], item["object"]) for item in found["notes"]}
    assert {("widened", "person.age"), ("changed", "person (boss)"), ("left", "old")} <= levels


def test_people_read_the_same(app: Path) -> None:
    ran = outgrow("inspect", app)
    assert ran.returncode == 0
    assert "2 rows in 1 table," in ran.stdout
    assert "Needs a hand: not migrated\n  old:" in ran.stdout
    assert "Every value can be stored; 1 object needs a hand." in ran.stdout


def test_inspecting_changes_nothing(app: Path) -> None:
    before = hashlib.sha256(app.read_bytes()).hexdigest()
    document("inspect", app)
    assert hashlib.sha256(app.read_bytes()).hexdigest() == before
    assert [path.name for path in app.parent.iterdir()] == ["app.db"]


def test_values_that_cannot_be_stored_are_named_with_the_option_that_settles_them(app: Path) -> None:
    with closing(sqlite3.connect(app)) as connection, connection:
        connection.execute("UPDATE person SET note = 'a' || char(0)")
    ran = outgrow("inspect", app)
    assert ran.returncode == 3
    assert "person.note: the character NUL in 2 texts" in ran.stdout
    assert "--nul-policy strip" in ran.stdout
    assert document("inspect", app, "--nul-policy", "strip")["obstacles"] == []
    refused = outgrow("script", app, "--out", app.parent / "out")
    assert refused.returncode == 1
    assert "person.note" in refused.stderr
    assert "--nul-policy strip" in refused.stderr
    assert not (app.parent / "out").exists()


def test_the_script_command_says_what_it_wrote(app: Path) -> None:
    out = app.parent / "sql"
    written = document("script", app, "--out", out)
    assert written["rows"] == 2
    assert "20_data/0001_person.sql" in written["files"]
    assert sorted(written["files"]) == sorted(
        str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()
    )
    again = outgrow("script", app, "--out", out)
    assert again.returncode == 2
    assert "--force" in again.stderr
    assert outgrow("script", app, "--out", out, "--force").returncode == 0


@pytest.mark.parametrize("command", ["inspect", "script"])
def test_a_file_that_is_no_database_is_wrong_usage(tmp_path: Path, command: str) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database at all\n" * 50)
    arguments = ["--out", tmp_path / "out"] if command == "script" else []
    for source in (path, tmp_path / "missing.db"):
        ran = outgrow(command, source, *arguments)
        assert ran.returncode == 2
        assert "error:" in ran.stderr
        assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("command", ["inspect", "script"])
def test_help_shows_examples(command: str) -> None:
    ran = outgrow(command, "--help")
    assert ran.returncode == 0
    assert "Examples" in ran.stdout
