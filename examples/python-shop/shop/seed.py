"""Fills an empty shop, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shop.catalogue import Values, customer_rows, order_rows, product_rows
from shop.errors import WrongUsage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shop.database import Database, Session

#: Rows a statement.
_CHUNK = 500


@dataclass(frozen=True)
class Sizes:
    customers: int
    products: int
    orders: int


def seed(database: Database, sizes: Sizes) -> None:
    """Write the rows.

    Raises:
        WrongUsage: the shop is not empty, or orders are wanted without customers and products.
    """
    if sizes.orders and not (sizes.customers and sizes.products):
        raise WrongUsage("orders need customers and products")
    products = list(product_rows(sizes.products))
    orders: list[Values] = []
    items: list[Values] = []
    for order, lines in order_rows(sizes.orders, sizes.customers, products):
        orders.append(order)
        items += lines
    with database.write() as session:
        for table in ("customer", "product", "order"):
            if session.row(f'SELECT 1 AS found FROM "{table}" LIMIT 1'):  # noqa: S608  # our own names
                raise WrongUsage("the shop is not empty; seed a new database instead")
        _insert(session, "customer", customer_rows(sizes.customers))
        _insert(session, "product", products)
        _insert(session, "order", orders)
        _insert(session, "order_item", items)
        if database.kind == "postgresql":
            _advance_sequences(session)


def _insert(session: Session, table: str, rows: Iterable[Values]) -> None:
    pending = list(rows)
    for start in range(0, len(pending), _CHUNK):
        chunk = pending[start : start + _CHUNK]
        one = f"({', '.join('?' * len(chunk[0]))})"
        places = ", ".join([one] * len(chunk))
        # Every column, in the order of the table.
        columns = ", ".join(f'"{name}"' for name in _COLUMNS[table])
        values = (value for row in chunk for value in row)
        session.run(f'INSERT INTO "{table}" ({columns}) VALUES {places}', *values)  # noqa: S608  # our own names


_COLUMNS = {
    "customer": ("id", "email", "name", "newsletter", "address", "createdAt"),
    "product": ("id", "sku", "name", "description", "price", "stock", "active", "createdAt"),
    "order": ("id", "customerId", "status", "total", "note", "createdAt", "shippedAt"),
    "order_item": ("id", "orderId", "productId", "productName", "quantity", "unitPrice"),
}


def _advance_sequences(session: Session) -> None:
    """The rows came with their ids; PostgreSQL's counters do not notice that, SQLite's do."""
    for table in ("customer", "product", "order_item"):
        session.rows(
            f'SELECT setval(pg_get_serial_sequence(\'"{table}"\', \'id\'), MAX("id")) FROM "{table}" '  # noqa: S608
            'HAVING MAX("id") IS NOT NULL'
        )
