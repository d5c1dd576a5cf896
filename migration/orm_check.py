"""Lets an application's own TypeORM say what it would change in the migrated database."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from migration.errors import MigrationError
from migration.target.dsn import Dsn, parse_dsn
from monitor.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping

_SCRIPT = Path(__file__).parent / "orm" / "typeorm_check.cjs"
_MARK = "outgrow-typeorm-check "
#: Seconds. The application may compile its TypeScript first.
_TIMEOUT = 300
_LAST_LINES = 5
#: libpq's names, and those of TypeORM's options.
_NAMES = {"user": "username", "dbname": "database", "host": "host", "password": "password"}


class ApplicationRefusedError(MigrationError):
    """The application's TypeORM could not be asked."""


@dataclass(frozen=True)
class SchemaDifference:
    """The statements that TypeORM would run to make the database fit its entities, and how many these are.

    `types` are the columns of another type than their entity's: table.column, and the type it wants.
    """

    statements: tuple[str, ...]
    entities: int
    types: Mapping[str, str] = field(default_factory=dict)

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.DIFFERS if self.statements else ExitCode.DONE

    def to_json(self) -> dict[str, Any]:
        return {"entities": self.entities, "statements": list(self.statements), "types": dict(self.types)}

    def rules(self) -> str:
        """A rules file with which the migration gives these columns the type that TypeORM wants."""
        lines = [f"  {json.dumps(path)}: {{type: {json.dumps(kind)}}}" for path, kind in self.types.items()]
        return "\n".join(["columns:", *lines])


def check_application(app: Path, data_source: Path, dsn: str | None = None) -> SchemaDifference:
    """Ask TypeORM; nothing is changed, neither in the database nor in the application.

    Args:
        app: the application's folder, with package.json and node_modules.
        data_source: the module that exports its DataSource, seen from there.
        dsn: the database to look at; without one, that of the DataSource.

    Raises:
        ApplicationRefusedError: there is no Node, or the module cannot be loaded or asked.
        DsnError: the connection string cannot be read.
    """
    node = shutil.which("node")
    if node is None:
        raise ApplicationRefusedError(
            "TypeORM cannot be asked",
            why="node cannot be found",
            next_step="run `npx typeorm schema:log -d DATA_SOURCE` where the application runs",
        )
    file = data_source if data_source.is_absolute() else app / data_source
    if not file.is_file():
        raise ApplicationRefusedError(
            f"there is no {file}",
            why="it should be the module that exports the DataSource",
            next_step="build the application first, or name it with --data-source",
        )
    target = parse_dsn(dsn) if dsn is not None else None
    asked = json.dumps({"connection": _connection(target) if target is not None else None})
    try:
        done = subprocess.run(
            [node, str(_SCRIPT), str(file.resolve())],
            input=asked,
            cwd=app,
            env={**os.environ, **_environment(target)},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ApplicationRefusedError(
            "TypeORM did not answer",
            why=f"it was not done after {_TIMEOUT} s",
            next_step="run `npx typeorm schema:log -d DATA_SOURCE` in the application's folder",
        ) from None
    answer = next((line for line in reversed(done.stdout.splitlines()) if line.startswith(_MARK)), None)
    if done.returncode != 0 or answer is None:
        said = " / ".join(line.strip() for line in done.stderr.splitlines()[-_LAST_LINES:] if line.strip())
        raise ApplicationRefusedError(
            f"the DataSource of {file} could not be asked",
            why=(target.scrub(said) if target is not None else said) or "node ended without an answer",
            next_step="see that the application starts on this database with synchronize: false",
        )
    found = json.loads(answer.removeprefix(_MARK))
    types = {f"{item['table']}.{item['column']}": item["type"] for item in found["wanted"]}
    return SchemaDifference(tuple(map(_shown, found["statements"])), found["entities"], types)


def _connection(dsn: Dsn) -> dict[str, Any]:
    """The address as options of TypeORM's; what is missing, the driver finds as libpq does."""
    given = {**dsn.parameters, **dsn.secrets}
    options: dict[str, Any] = {ours: given[name] for name, ours in _NAMES.items() if name in given}
    if "port" in given:
        options["port"] = int(given["port"].split(",")[0])
    mode = given.get("sslmode", "")
    if mode in ("require", "verify-ca", "verify-full"):
        options["ssl"] = {"rejectUnauthorized": mode != "require"}
    return options


def _environment(dsn: Dsn | None) -> dict[str, str]:
    """The driver's default database is the user's name, TypeORM's is none; libpq's variables help both."""
    if dsn is None or "dbname" not in dsn.parameters:
        return {}
    return {"PGDATABASE": dsn.parameters["dbname"]}


def _shown(statement: dict[str, Any]) -> str:
    parameters = statement["parameters"]
    return (
        f"{statement['query'].strip()} -- {json.dumps(parameters)}"
        if parameters
        else statement["query"].strip()
    )
