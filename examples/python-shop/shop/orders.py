"""Orders: placing one, moving it along, reading it; all inside a unit of work of the caller."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shop.errors import ClientError, not_found
from shop.views import View, cents, money, order_view

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shop.database import Row, Session
    from shop.requests import NewOrder, OrderLine

#: What each status may have been before.
_FROM = {"pending": (), "paid": ("pending",), "shipped": ("paid",), "cancelled": ("pending", "paid")}

_INSERT_ORDER = """
INSERT INTO "order" ("id", "customerId", "status", "total", "note", "createdAt")
VALUES (?, ?, 'pending', ?, ?, ?)
"""
_INSERT_ITEM = """
INSERT INTO "order_item" ("orderId", "productId", "productName", "quantity", "unitPrice")
VALUES (?, ?, ?, ?, ?)
"""


def now() -> str:
    """The time as both databases take it: UTC, milliseconds."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def place_order(session: Session, wanted: NewOrder) -> View:
    """Take the stock, then write the order; nothing happens if one line cannot be served."""
    # In the order of the ids, so that two orders for the same products never wait for each other.
    for line in sorted(wanted.lines, key=lambda line: line.product_id):
        _take_stock(session, line)
    if session.row('SELECT 1 AS found FROM "customer" WHERE "id" = ?', wanted.customer_id) is None:
        raise not_found(f"customer {wanted.customer_id}")
    products = [_product(session, line.product_id) for line in wanted.lines]
    prices = [money(product["price"]) for product in products]
    total = sum(cents(price) * line.quantity for price, line in zip(prices, wanted.lines, strict=True))
    order_id = str(uuid.uuid4())
    session.run(_INSERT_ORDER, order_id, wanted.customer_id, f"{total / 100:.2f}", wanted.note, now())
    for line, product, price in zip(wanted.lines, products, prices, strict=True):
        session.run(_INSERT_ITEM, order_id, product["id"], product["name"], line.quantity, price)
    return find_order(session, order_id)


def _take_stock(session: Session, line: OrderLine) -> None:
    """Take it if it is there; the condition is in the update, so no two orders take the same last piece."""
    taken = session.run(
        'UPDATE "product" SET "stock" = "stock" - ? WHERE "id" = ? AND "active" = ? AND "stock" >= ?',
        line.quantity,
        line.product_id,
        True,
        line.quantity,
    )
    if taken == 1:
        return
    product = _product(session, line.product_id)
    if not product["active"]:
        raise ClientError(409, "not_for_sale", f"product {line.product_id} is not for sale")
    raise ClientError(409, "out_of_stock", f"only {product['stock']} of product {line.product_id} are left")


def _product(session: Session, product_id: int) -> Row:
    found = session.row('SELECT * FROM "product" WHERE "id" = ?', product_id)
    if found is None:
        raise not_found(f"product {product_id}")
    return found


def change_status(session: Session, order_id: str, to: str) -> View:
    """Move an order along; a cancelled order gives its stock back."""
    before = _FROM[to]
    changed = 0
    if before:
        shipped = now() if to == "shipped" else None
        places = ", ".join("?" * len(before))
        changed = session.run(
            f'UPDATE "order" SET "status" = ?, "shippedAt" = ? WHERE "id" = ? AND "status" IN ({places})',  # noqa: S608  # question marks
            to,
            shipped,
            order_id,
            *before,
        )
    order = find_order(session, order_id)
    if changed != 1:
        raise ClientError(
            409, "illegal_transition", f"order {order_id} is {order['status']} and cannot become {to}"
        )
    if to == "cancelled":
        _give_stock_back(session, order_id)
    return order


def _give_stock_back(session: Session, order_id: str) -> None:
    items = session.rows(
        'SELECT "productId", "quantity" FROM "order_item" WHERE "orderId" = ? AND "productId" IS NOT NULL '
        'ORDER BY "productId"',
        order_id,
    )
    for item in items:
        session.run(
            'UPDATE "product" SET "stock" = "stock" + ? WHERE "id" = ?', item["quantity"], item["productId"]
        )


def find_order(session: Session, order_id: str) -> View:
    """Return an order with its items, or raise that there is none."""
    order = session.row('SELECT * FROM "order" WHERE "id" = ?', order_id)
    if order is None:
        raise not_found(f"order {order_id}")
    return order_view(
        order, session.rows('SELECT * FROM "order_item" WHERE "orderId" = ? ORDER BY "id"', order_id)
    )


def newest_orders(session: Session, customer_id: int, limit: int) -> Sequence[View]:
    """Return a customer's newest orders with their items, newest first, then by id."""
    orders = session.rows(
        'SELECT * FROM "order" WHERE "customerId" = ? ORDER BY "createdAt" DESC, "id" LIMIT ?',
        customer_id,
        limit,
    )
    items: dict[str, list[Row]] = {str(order["id"]): [] for order in orders}
    if orders:
        places = ", ".join("?" * len(orders))
        for item in session.rows(
            f'SELECT * FROM "order_item" WHERE "orderId" IN ({places}) ORDER BY "id"',  # noqa: S608  # question marks
            *items,
        ):
            items[str(item["orderId"])].append(item)
    return [order_view(order, items[str(order["id"])]) for order in orders]
