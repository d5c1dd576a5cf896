"""The shop's tables: made in a database that has none, never changed in one that has them."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING

from shop.errors import WrongUsage

if TYPE_CHECKING:
    from shop.database import Database

TABLES = ("customer", "product", "order", "order_item")


def create_tables_if_empty(database: Database) -> None:
    """Make the tables in a database without any table; leave every other database as it is."""
    with database.read() as session:
        if database.table_names(session):
            return
    script = files("shop").joinpath(f"{database.kind}.sql").read_text(encoding="utf-8")
    with database.write() as session:
        for statement in script.split(";\n"):
            if statement.strip():
                session.run(_one_line(statement))


def _one_line(statement: str) -> str:
    """Write a statement as TypeORM does, which reads tables back expecting no line breaks."""
    joined = re.sub(r"\s*\n\s*", " ", statement.strip())
    return re.sub(r" \)$", ")", joined.replace("( ", "(", 1))


def require_tables(database: Database) -> None:
    """Refuse a database without the shop's tables, before any request is answered.

    Raises:
        WrongUsage: naming what is missing, and how to get it.
    """
    with database.read() as session:
        present = database.table_names(session)
    missing = [name for name in TABLES if name not in present]
    if missing:
        raise WrongUsage(
            f"the database lacks the shop's tables {', '.join(missing)}; seed an empty one, "
            "or move the SQLite file into it with `outgrow migrate run`"
        )
