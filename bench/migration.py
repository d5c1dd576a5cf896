"""How long `outgrow migrate run` takes beside psql loading ready files of the same rows, in one run.

psql with the generated scripts is the limit here: PostgreSQL's own copy from files that are ready, the same
keys and indexes, no reading of SQLite, no conversion, no checksums. Both go into empty databases of the same
local server, in turn; the medians and their ratio are printed. `make bench` runs it; by hand, with other
sizes: python -P bench/migration.py ORDERS RUNS (-P, because this file is named like the package it measures).
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from examples.applications import PYTHON, Rows
from infra.local_postgres import LocalPostgres
from migration.planning import PlanOptions
from migration.run import RunOptions, run_migration
from migration.script import write_script

if TYPE_CHECKING:
    from collections.abc import Callable


def seconds(move: Callable[[str], None], database: str) -> float:
    """Wall time of moving everything into a new database of that name."""
    began = time.perf_counter()
    move(database)
    return time.perf_counter() - began


def main(orders: int, runs: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder, LocalPostgres() as server:
        source = Path(folder) / "shop.sqlite"
        PYTHON.seed(str(source), Rows(customers=orders // 5, products=2_000, orders=orders))
        script = write_script(source, Path(folder) / "script")
        print(f"{script.rows:,} rows, {source.stat().st_size / 1e6:.0f} MB, median of {runs}")

        def ours(name: str, *, verify: bool) -> None:
            journal = Path(folder) / f"{name}.journal"
            run_migration(source, server.create_database(name), RunOptions(PlanOptions(), journal, verify))

        def psql(name: str) -> None:
            command = [str(server.psql), "--no-psqlrc", "--quiet", "--dbname", server.create_database(name)]
            subprocess.run(
                [*command, "--file", "run.sql"], cwd=script.folder, check=True, stdout=subprocess.DEVNULL
            )

        contenders: dict[str, Callable[[str], None]] = {
            "psql, ready files": psql,
            "run, unproven": lambda name: ours(name, verify=False),
            "run, verified": lambda name: ours(name, verify=True),
        }
        took: dict[str, list[float]] = {what: [] for what in contenders}
        for turn in range(runs):
            for place, (what, move) in enumerate(contenders.items()):
                took[what].append(seconds(move, f"bench_{turn}_{place}"))
        limit = statistics.median(took["psql, ready files"])
        for what, times in took.items():
            median = statistics.median(times)
            print(
                f"{what:<18} {median:6.2f} s  ({min(times):.2f} to {max(times):.2f})  "
                f"{script.rows / median:>9,.0f} rows/s  {median / limit:5.2f} x psql"
            )


if __name__ == "__main__":
    main(*(int(word) for word in (*sys.argv[1:], "60000", "3")[:2]))
