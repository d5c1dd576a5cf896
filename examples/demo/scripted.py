"""The generated scripts, carried out by psql and nothing else."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from examples.demo.promoted_shop import fingerprint_of
from examples.errors import DemoError
from migration.script import write_script

if TYPE_CHECKING:
    from examples.applications import Shop
    from examples.demo.artefacts import Artefacts
    from infra.local_postgres import LocalPostgres

_TIMEOUT = 120


@dataclass(frozen=True)
class Scripted:
    """How many files there are, and what a shop says of the database that psql made from them."""

    files: int
    fingerprint: dict[str, Any]


def run_scripts(artefacts: Artefacts, server: LocalPostgres, shop: Shop) -> Scripted:
    """Write the scripts of the file left behind, and run them with psql into a database of their own.

    Raises:
        DemoError: psql stopped at an error; with what it said last.
    """
    script = write_script(artefacts.database, artefacts.scripts)
    dsn = server.create_database("shop_by_psql")
    command = [
        str(server.psql),
        "--dbname",
        dsn,
        "--no-psqlrc",
        "--set",
        "ON_ERROR_STOP=1",
        "--file",
        "run.sql",
    ]
    done = subprocess.run(
        command, cwd=script.folder, check=False, capture_output=True, text=True, timeout=_TIMEOUT
    )
    artefacts.log("psql").write_text(done.stdout + done.stderr)
    if done.returncode != 0:
        raise DemoError(
            "the generated scripts did not run to their end",
            why=(done.stderr.strip().splitlines() or ["psql said nothing"])[-1],
            next_step=f"read {artefacts.log('psql')}",
        )
    return Scripted(len(script.files), fingerprint_of(shop, dsn, artefacts))
