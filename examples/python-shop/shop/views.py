"""Rows as the shop's JSON shows them: the same from both databases, key order included."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shop.database import Row

View = dict[str, Any]


def money(stored: float | Decimal | str) -> str:
    """Write what a database holds as a decimal (SQLite: a number; PostgreSQL: a Decimal) with two digits."""
    return f"{Decimal(str(stored)):.2f}"


def cents(amount: str) -> int:
    """Read "19.99" as 1999."""
    return int(Decimal(amount) * 100)


def timestamp(stored: str | datetime) -> str:
    """Write a time (SQLite: text in UTC; PostgreSQL: a datetime, in UTC if it has no zone) as ISO 8601."""
    value = datetime.fromisoformat(stored) if isinstance(stored, str) else stored
    if value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    return f"{value:%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03}Z"


def customer_view(row: Row) -> View:
    address = json.loads(row["address"]) if isinstance(row["address"], str) else row["address"]
    return {
        "id": row["id"],
        "email": row["email"],
        "name": row["name"],
        "newsletter": bool(row["newsletter"]),
        "address": address and {key: address[key] for key in ("street", "postcode", "city", "country")},
        "createdAt": timestamp(row["createdAt"]),
    }


def product_view(row: Row) -> View:
    return {
        "id": row["id"],
        "sku": row["sku"],
        "name": row["name"],
        "description": row["description"],
        "price": money(row["price"]),
        "stock": row["stock"],
        "active": bool(row["active"]),
        "createdAt": timestamp(row["createdAt"]),
    }


def item_view(row: Row) -> View:
    return {
        "productId": row["productId"],
        "productName": row["productName"],
        "quantity": row["quantity"],
        "unitPrice": money(row["unitPrice"]),
    }


def order_head_view(row: Row) -> View:
    """An order without its items."""
    return {
        "id": str(row["id"]),
        "customerId": row["customerId"],
        "status": row["status"],
        "total": money(row["total"]),
        "note": row["note"],
        "createdAt": timestamp(row["createdAt"]),
        "shippedAt": row["shippedAt"] and timestamp(row["shippedAt"]),
    }


def order_view(row: Row, items: Iterable[Row]) -> View:
    return {**order_head_view(row), "items": [item_view(item) for item in items]}
