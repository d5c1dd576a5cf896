"""An application of TypeORM's finds its own schema and its own data in the migrated database."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from examples.node_packages import NodePackage, prepare

if TYPE_CHECKING:
    from collections.abc import Callable

    from examples.node_packages import Node

pytestmark = [pytest.mark.node, pytest.mark.timeout(900)]

FOLDER = Path(__file__).parent / "typeorm"
PACKAGE = NodePackage(
    FOLDER,
    check="new (require('better-sqlite3'))(':memory:').close()",
    build=("node_modules/typescript/bin/tsc",),
)
#: TypeORM 1 needs it.
NODE_OF_1 = 20

Ask = "Callable[..., Any]"


@pytest.fixture(scope="session")
def application(node: Node) -> Callable[[str], Ask]:
    """The application on one version of TypeORM: a function that asks it and reads what it prints."""
    prepare(PACKAGE)

    def on(version: str) -> Ask:
        if version == "typeorm-1" and int(node.version[1:].split(".")[0]) < NODE_OF_1:
            pytest.skip("TypeORM 1 needs a newer Node")

        def run(what: str, url: str | Path, **settings: str) -> Any:
            command = [node.node, str(FOLDER / "dist" / "main.js"), what]
            environment = {**os.environ, "TYPEORM": version, "DB_URL": str(url), "TZ": "UTC", **settings}
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=120, check=False, env=environment
            )
            assert done.returncode == 0, done.stderr[-2000:]
            return json.loads(done.stdout)

        return run

    return on


@pytest.fixture(scope="session")
def ask(application: Callable[[str], Ask]) -> Ask:
    """The application on the version that most people use."""
    return application("typeorm")


@pytest.fixture(scope="session")
def seeded(ask: Ask, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that the application made and filled."""
    path = tmp_path_factory.mktemp("typeorm") / "app.db"
    ask("seed", path)
    return path


@pytest.mark.both_servers
def test_typeorm_finds_nothing_to_change_and_reads_the_same(
    ask: Ask, seeded: Path, tmp_path: Path, database: str, outgrow: Callable[..., Any]
) -> None:
    _move_and_compare(ask, seeded, tmp_path, database, outgrow)
    again = outgrow("migrate", "verify", seeded, database)
    assert again.code == 0, again.out


def test_typeorm_1_finds_nothing_to_change_and_reads_the_same(
    application: Callable[[str], Ask], tmp_path: Path, database: str, outgrow: Callable[..., Any]
) -> None:
    ask, path = application("typeorm-1"), tmp_path / "app.db"
    ask("seed", path)
    _move_and_compare(ask, path, tmp_path, database, outgrow)


def _move_and_compare(
    ask: Ask, file: Path, tmp_path: Path, database: str, outgrow: Callable[..., Any]
) -> None:
    ended = outgrow("migrate", "run", file, database, "--journal", tmp_path / "journal")
    assert ended.code == 0, ended.out + ended.err
    assert ask("log", database) == []
    assert ask("pending", database) is False
    assert ask("read", database) == ask("read", file)


def test_the_migrated_schema_is_the_one_that_typeorm_makes(  # noqa: PLR0917
    ask: Ask,
    seeded: Path,
    tmp_path: Path,
    postgres: Any,
    database: str,
    outgrow: Callable[..., Any],
    content_of: Callable[..., dict[str, Any]],
) -> None:
    control = postgres.create_database("control")
    try:
        ask("sync", control)
        assert outgrow("migrate", "run", seeded, database, "--journal", tmp_path / "journal").code == 0
        theirs, ours = content_of(control), content_of(database)
    finally:
        postgres.drop_database("control")
    differences = {
        name: (set(map(repr, theirs[name])) ^ set(map(repr, ours[name])))
        for name in ("columns", "constraints", "indexes", "views")
    }
    # Two defaults that TypeORM proposes to itself again and again, a sequence that it cannot find again, and
    # a product that may be larger than its factors: deviations that are meant.
    meant = ("'rate'", "'tiny'", "'identifier_of_the_row'", "'total'")
    differences["columns"] = {text for text in differences["columns"] if not any(m in text for m in meant)}
    assert differences == {"columns": set(), "constraints": set(), "indexes": set(), "views": set()}


def test_the_scripts_give_typeorm_the_same(
    ask: Ask, seeded: Path, tmp_path: Path, database: str, outgrow: Callable[..., Any]
) -> None:
    assert outgrow("migrate", "script", seeded, "--out", tmp_path / "sql").code == 0
    command = ["psql", "-q", "-X", database, "-f", "run.sql"]
    done = subprocess.run(
        command, cwd=tmp_path / "sql", capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert ask("log", database) == []
    assert ask("read", database) == ask("read", seeded)


def test_a_prefix_and_a_schema_of_ones_own(
    ask: Ask, tmp_path: Path, database: str, outgrow: Callable[..., Any]
) -> None:
    path = tmp_path / "app.db"
    settings = {"DB_PREFIX": "My_", "DB_SCHEMA": "Shop"}
    ask("seed", path, **settings)
    ended = outgrow("migrate", "run", path, database, "--schema", "Shop")
    assert ended.code == 0, ended.out + ended.err
    # The text of a view made by a query builder has the schema in it, which a SQLite file does not know.
    proposed = [query for query in ask("log", database, **settings) if "Post_Count" not in query]
    assert all("typeorm_metadata" in query for query in proposed), proposed


def test_enumerations_are_types_and_no_checks(
    seeded: Path, tmp_path: Path, outgrow: Callable[..., Any]
) -> None:
    assert outgrow("migrate", "script", seeded, "--out", tmp_path / "sql").code == 0
    schema = (tmp_path / "sql" / "10_schema.sql").read_text()
    assert """CREATE TYPE "public"."defaults_colour_enum" AS ENUM ('red', 'green');""" in schema
    constraints = (tmp_path / "sql" / "40_constraints.sql").read_text()
    assert constraints.count(" CHECK ") == 3
    assert 'CONSTRAINT "CHK_named_by_hand" CHECK' in constraints


def test_the_baseline_makes_the_schema_of_an_empty_database(
    ask: Ask, seeded: Path, tmp_path: Path, database: str, outgrow: Callable[..., Any]
) -> None:
    ended = outgrow("migrate", "baseline", seeded, "--out", tmp_path, "--language", "js", "--json")
    assert ended.code == 0, ended.err
    name = json.loads(ended.out)["name"]
    settings = {"DB_MIGRATIONS": str(tmp_path)}

    assert ask("migrate", database, **settings) == ["Start1700000000000", name]
    assert ask("log", database, **settings) == []
    assert ask("migrate", database, **settings) == []
    ask("revert", database, **settings)
    assert len(ask("log", database, **settings)) > 50


def test_a_migrated_database_counts_the_baseline_as_run(
    ask: Ask, seeded: Path, tmp_path: Path, database: str, outgrow: Callable[..., Any]
) -> None:
    assert outgrow("migrate", "run", seeded, database, "--journal", tmp_path / "journal").code == 0
    folder = tmp_path / "migrations"
    written = outgrow(
        "migrate", "baseline", seeded, "--out", folder, "--language", "js", "--record", database
    )
    assert written.code == 0, written.err
    assert ask("pending", database, DB_MIGRATIONS=str(folder)) is False
    assert ask("migrate", database, DB_MIGRATIONS=str(folder)) == []


def test_orm_check_asks_the_application_itself(
    ask: Ask, seeded: Path, tmp_path: Path, database: str, outgrow: Callable[..., Any]
) -> None:
    assert outgrow("migrate", "run", seeded, database, "--journal", tmp_path / "journal").code == 0
    # Its entities are those of PostgreSQL because of the environment, its database is the one that is named.
    command = ["migrate", "orm-check", database, "--app", FOLDER, "--data-source", "dist/source.js"]
    environment = {**os.environ, "DB_URL": "postgres://nowhere.invalid/none"}
    found = outgrow(*command, env=environment)
    assert found.code == 0, found.out + found.err
    assert "TypeORM finds nothing to change" in found.out

    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute('ALTER TABLE company ALTER COLUMN "addressCity" SET NOT NULL')
    changed = outgrow(*command, "--json", env=environment)
    assert changed.code == 3
    assert json.loads(changed.out)["statements"] == [
        'ALTER TABLE "company" ALTER COLUMN "addressCity" DROP NOT NULL'
    ]

    # What it asks for can be given: a guess of ours that was wrong becomes a rule.
    assert json.loads(changed.out)["types"] == {}
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute('ALTER TABLE "User" ALTER COLUMN "sessionId" TYPE varchar')
    guessed = outgrow(*command, env=environment)
    assert 'columns:\n  "User.sessionId": {type: "uuid"}' in guessed.out

    unbuilt = outgrow("migrate", "orm-check", database, "--app", FOLDER, "--data-source", "dist/none.js")
    assert unbuilt.code == 1
    assert "build the application first" in unbuilt.err
