"""`serve` and `seed`: the shop's two commands. Wrong usage is one line and status 2."""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import sys

import psycopg

from shop.database import open_database
from shop.errors import WrongUsage
from shop.schema import create_tables_if_empty, require_tables
from shop.seed import Sizes, seed
from shop.server import serve
from shop.settings import database_target, read_settings


def main() -> None:
    arguments = _parser().parse_args()
    try:
        if arguments.command == "serve":
            serve(read_settings(os.environ))
        else:
            _seed(Sizes(arguments.customers, arguments.products, arguments.orders))
    except WrongUsage as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(2)
    except (OSError, sqlite3.Error, psycopg.Error) as error:
        # Messages of the drivers name hosts and users, never passwords.
        sys.stderr.write(f"error: {str(error).strip() or type(error).__name__}\n")
        sys.exit(1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python examples/python-shop", description="A shop on SQLite or PostgreSQL."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="answer requests (DATABASE_URL, PORT, OUTGROW_SIDECAR_URL)")
    fill = commands.add_parser("seed", help="fill an empty database (DATABASE_URL)")
    for name, rows in (("customers", 500), ("products", 200), ("orders", 1500)):
        fill.add_argument(f"--{name}", type=_row_count, default=rows, metavar="N")
    return parser


def _row_count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 7):
        raise argparse.ArgumentTypeError(f"{text} is no usable number of rows")
    return int(text)


def _seed(sizes: Sizes) -> None:
    database = open_database(database_target(os.environ.get("DATABASE_URL", "")))
    try:
        create_tables_if_empty(database)
        require_tables(database)
        seed(database, sizes)
    finally:
        database.close()
    counts = {"customers": sizes.customers, "products": sizes.products, "orders": sizes.orders}
    print(json.dumps({"seeded": counts}, separators=(",", ":")))
