"""The sales report: two aggregates over all orders. Cancelled orders count as orders, never as revenue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shop.requests import ORDER_STATUSES
from shop.views import View, cents, money

if TYPE_CHECKING:
    from shop.database import Row, Session

_BY_STATUS = """
SELECT "status" AS "status", COUNT(*) AS "orders", SUM("total") AS "total"
FROM "order" GROUP BY "status"
"""

_TOP_PRODUCTS = """
SELECT i."productId" AS "productId", SUM(i."quantity") AS "quantity",
       SUM(i."quantity" * i."unitPrice") AS "revenue"
FROM "order_item" i JOIN "order" o ON o."id" = i."orderId"
WHERE i."productId" IS NOT NULL AND o."status" <> 'cancelled'
GROUP BY i."productId" ORDER BY SUM(i."quantity") DESC, i."productId" LIMIT 10
"""


def sales_report(session: Session) -> View:
    found = {row["status"]: row for row in session.rows(_BY_STATUS)}
    by_status: list[View] = []
    for status in ORDER_STATUSES:
        row = found.get(status, {"orders": 0, "total": 0})
        by_status.append({"status": status, "orders": row["orders"], "total": money(row["total"])})
    earned = sum(cents(row["total"]) for row in by_status if row["status"] != "cancelled")
    return {
        "orders": sum(row["orders"] for row in by_status),
        "revenue": f"{earned / 100:.2f}",
        "byStatus": by_status,
        "topProducts": [_top_product(row) for row in session.rows(_TOP_PRODUCTS)],
    }


def _top_product(row: Row) -> View:
    quantity, revenue = int(row["quantity"]), money(row["revenue"])
    return {"productId": row["productId"], "quantity": quantity, "revenue": revenue}
