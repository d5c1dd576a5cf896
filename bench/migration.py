r"""How long a migration takes beside pgloader and beside what PostgreSQL itself needs, all in one run.

A TypeORM-shaped database (users and orders: text, decimal, datetime, boolean, blob) goes into empty databases
of one local server in turn, by

- `outgrow migrate run`, with and without its proof, as a process of its own;
- pgloader (Debian's package), with the cast it needs to get past `DEFAULT (datetime('now'))`;
- psql: `\copy` of the same rows from ready files, text and binary, into the same tables, then the same keys
  and indexes, one statement after the other: PostgreSQL's own minimum, with no reading and no conversion.

Medians and their ratios are printed, and the load alone beside `\copy` alone. `make bench` runs it; by hand,
with other sizes: python -P bench/migration.py ORDERS RUNS (-P, because this file is named like the package).
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from infra.local_postgres import LocalPostgres
from migration.native.library import library
from migration.planning import plan_migration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migration.schema.target import TargetPlan

SCHEMA = """
CREATE TABLE "user" (
  "id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "email" varchar(120) NOT NULL,
  "displayName" varchar NOT NULL, "isActive" boolean NOT NULL DEFAULT (1),
  "createdAt" datetime NOT NULL DEFAULT (datetime('now')), "bio" text,
  CONSTRAINT "UQ_e12875dfb3b1d92d7d7c5377e22" UNIQUE ("email"));
CREATE TABLE "orders" (
  "id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "userId" integer NOT NULL, "status" varchar NOT NULL,
  "total" decimal(10,2) NOT NULL, "placedAt" datetime NOT NULL DEFAULT (datetime('now')),
  "paid" boolean NOT NULL, "note" text, "receipt" blob,
  CONSTRAINT "FK_151b79a83ba240b0cb31b2302d1" FOREIGN KEY ("userId") REFERENCES "user" ("id")
    ON DELETE CASCADE ON UPDATE NO ACTION);
CREATE INDEX "IDX_151b79a83ba240b0cb31b2302d" ON "orders" ("userId");
"""
WORDS = "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor naïve €uro"
STATUS = ("new", "paid", "shipped", "cancelled")
PGLOADER = """
LOAD DATABASE FROM {source} INTO {target}
WITH include drop, create tables, create indexes, reset sequences, foreign keys, quote identifiers
CAST type datetime to timestamptz drop default;
"""


def fill(path: Path, orders: int) -> None:
    """Write the database: a fifth as many users as orders, the same in every run."""
    chance, users, words = random.Random(1), orders // 5, WORDS.split()

    def moment(number: int) -> str:
        day, clock = f"2024-{number % 12 + 1:02}-{number % 28 + 1:02}", f"{number % 24:02}:{number % 60:02}"
        return f"{day} {clock}:{number * 7 % 60:02}.{number % 1000:03}"

    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(SCHEMA)
        connection.executemany(
            'INSERT INTO "user" VALUES (?, ?, ?, ?, ?, ?)',
            (
                (
                    number + 1,
                    f"user{number}@example.org",
                    f"User Number {number}",
                    number % 7 > 0,
                    moment(number),
                    " ".join(chance.choices(words, k=8)) if number % 3 else None,
                )
                for number in range(users)
            ),
        )
        connection.executemany(
            "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (
                    number + 1,
                    chance.randrange(users) + 1,
                    STATUS[number % 4],
                    chance.randrange(1, 10**7) / 100,
                    moment(number),
                    number % 2,
                    " ".join(chance.choices(words, k=6)) if number % 2 else None,
                    chance.randbytes(16) if number % 4 == 0 else None,
                )
                for number in range(orders)
            ),
        )


@dataclass(frozen=True)
class Took:
    """One process: wall time and processor time (seconds), and its memory at most (MB)."""

    seconds: float
    processor: float
    memory: float


def timed(command: list[str], **options: Any) -> Took:
    """Run a process to its end.

    Raises:
        RuntimeError: it failed.
    """
    began = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, **options)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        took = time.perf_counter() - began
        if process.returncode:
            output.seek(0)
            raise RuntimeError(f"{command[:4]} failed: {output.read()[-2000:].decode()}")
    return Took(took, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


@dataclass(frozen=True)
class Bench:
    """One server, one source, its plan, and a folder with ready files of its rows, text and binary."""

    server: LocalPostgres
    source: Path
    plan: TargetPlan
    folder: Path

    def psql(self, dsn: str, *commands: str) -> Took:
        """Run commands one after the other, each in its own transaction."""
        listed = [word for command in commands for word in ("--command", command)]
        base = [str(self.server.psql), "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", *listed, dsn]
        return timed(base)

    def run(self, dsn: str, *options: str) -> Took:
        """Outgrow, as its user runs it."""
        command = [sys.executable, "-m", "outgrow", "migrate", "run", str(self.source), dsn, *options]
        return timed([*command, "--journal", str(self.journal)])

    @property
    def journal(self) -> Path:
        return self.folder / "run.journal"

    def load_seconds(self) -> float:
        """How long the copies of the last run took: from the first one's begin to the last one's end."""
        with closing(sqlite3.connect(self.journal)) as journal:
            query = "SELECT max(finished) - min(started) FROM step WHERE kind = 'copy'"
            return float(journal.execute(query).fetchone()[0])

    def pgloader(self, dsn: str) -> Took:
        """pgloader, whose exit status says nothing: the rows are counted."""
        commands = self.folder / "pgloader.load"
        given = conninfo_to_dict(dsn)
        target = f"postgresql://postgres@unix:{given['host']}:5432/{given['dbname']}"
        commands.write_text(PGLOADER.format(source=self.source, target=target), encoding="utf-8")
        took = timed(["pgloader", str(commands)], cwd=self.folder)
        with psycopg.connect(dsn) as connection:
            rows = connection.execute("SELECT count(*) FROM orders").fetchone()
        expected = next(table.rows for table in self.plan.tables if table.name == "orders")
        if rows != (expected,):
            raise RuntimeError(f"pgloader moved {rows} of {expected} orders")
        return took

    def create(self, dsn: str) -> None:
        self.psql(dsn, *(statement.sql for statement in self.plan.create))

    def copies(self, form: str, direction: str) -> list[str]:
        return [
            f"\\copy \"{table.name}\" {direction} '{self.folder / table.name}.{form}' with (format {form})"
            for table in self.plan.tables
        ]

    def write_files(self) -> None:
        """Migrate once, and write the files that psql copies."""
        dsn = self.server.create_database("ready")
        self.run(dsn, "--no-verify")
        self.journal.unlink()
        for form in FORMS:
            self.psql(dsn, *self.copies(form, "to"))
        self.server.drop_database("ready")

    def once(self, turn: int) -> Iterator[tuple[str, Took]]:
        """Every contender once, each into a new database."""
        for name, options in (("run, proven", ()), ("run, not proven", ("--no-verify",))):
            with self.database(f"run_{turn}") as dsn:
                took = self.run(dsn, *options)
                yield f"outgrow {name}", took
                if options:
                    yield "outgrow run, its load alone", replace(took, seconds=self.load_seconds())
                self.journal.unlink()
        if shutil.which("pgloader"):
            with self.database(f"pgloader_{turn}") as dsn:
                yield "pgloader", self.pgloader(dsn)
        for form in FORMS:
            with self.database(f"psql_{turn}") as dsn:
                self.create(dsn)
                copied = self.psql(dsn, *self.copies(form, "from"))
                built = self.psql(dsn, *(statement.sql for statement in self.plan.after_load))
                both = (copied.seconds + built.seconds, copied.processor + built.processor, copied.memory)
                yield f"psql, \\copy {form}, keys, indexes", Took(*both)
                yield f"psql, \\copy {form} alone", copied

    @contextmanager
    def database(self, name: str) -> Iterator[str]:
        yield self.server.create_database(name)
        self.server.drop_database(name)


FORMS = ("binary", "text")
#: What is divided by what, and the goal.
RATIOS = (
    ("pgloader", "outgrow run, not proven", "at least 3"),
    ("pgloader", "outgrow run, proven", ""),
    ("outgrow run, not proven", "psql, \\copy binary, keys, indexes", "at most 1.25"),
    ("outgrow run, proven", "psql, \\copy binary, keys, indexes", ""),
    ("outgrow run, its load alone", "psql, \\copy binary alone", ""),
    ("outgrow run, its load alone", "psql, \\copy text alone", ""),
)


def main(orders: int = 2_000_000, runs: int = 3) -> None:
    """Measure and print."""
    if library() is None:
        print("the compiled library is missing: everything is done in Python")
    if shutil.which("pgloader") is None:
        print("pgloader is missing, so it is not compared; apt-get install pgloader")
    took: dict[str, list[Took]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as name, LocalPostgres() as server:
        folder = Path(name)
        source = folder / "shop.sqlite"
        fill(source, orders)
        bench = Bench(server, source, plan_migration(source), folder)
        rows = sum(table.rows for table in bench.plan.tables)
        print(
            f"{rows:,} rows, {source.stat().st_size / 1e6:.0f} MB, {os.cpu_count()} processors; "
            f"medians of {runs}"
        )
        bench.write_files()
        for turn in range(runs):
            for contender, found in bench.once(turn):
                took[contender].append(found)
    medians = {
        contender: statistics.median(item.seconds for item in found) for contender, found in took.items()
    }
    for contender, found in took.items():
        low, high = min(item.seconds for item in found), max(item.seconds for item in found)
        processor = statistics.median(item.processor for item in found)
        memory = max(item.memory for item in found)
        print(
            f"{contender:<36} {medians[contender]:6.2f} s ({low:.2f} to {high:.2f})  "
            f"{rows / medians[contender]:>9,.0f} rows/s  client: {processor:5.1f} s CPU, {memory:,.0f} MB"
        )
    for slower, faster, goal in RATIOS:
        if slower in medians and faster in medians:
            ratio = medians[slower] / medians[faster]
            print(f"{slower} / {faster}: {ratio:.2f}{f' (goal: {goal})' if goal else ''}")


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:3]))
