"""Requests as values: everything a client sent is checked here, once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from shop.errors import ClientError

ORDER_STATUSES = ("pending", "paid", "shipped", "cancelled")

MAX_ID = 2_147_483_647  # PostgreSQL's integer; SQLite would take more
MAX_LINES = 50
MAX_QUANTITY = 100
MAX_NOTE = 500
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True)
class OrderLine:
    product_id: int
    quantity: int


@dataclass(frozen=True)
class NewOrder:
    customer_id: int
    lines: tuple[OrderLine, ...]
    note: str | None


def _bad(message: str) -> ClientError:
    return ClientError(400, "bad_request", message)


def _whole(value: object, maximum: int) -> int | None:
    """Return a JSON number as a whole number from 1 to `maximum`, None if it is none; 2.0 is 2 in JSON."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        return None
    return int(value) if 1 <= value <= maximum else None


def whole_number(text: str, name: str) -> int:
    """Read a whole number from a path or a query, 1 or more."""
    value = _whole(int(text), MAX_ID) if re.fullmatch("[0-9]{1,10}", text) else None
    if value is None:
        raise _bad(f"{name} must be a whole number from 1 to {MAX_ID}")
    return value


def order_id(text: str) -> str:
    if not _UUID.fullmatch(text):
        raise _bad("id must be a UUID in lower case")
    return text


def _object(body: object) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise _bad("the body must be a JSON object")
    return body


def new_order(body: object) -> NewOrder:
    given = _object(body)
    customer_id = _whole(given.get("customerId"), MAX_ID)
    if customer_id is None:
        raise _bad("customerId must be a whole number")
    items = given.get("items")
    if not isinstance(items, list) or not 1 <= len(items) <= MAX_LINES:
        raise _bad(f"items must be a list of 1 to {MAX_LINES}")
    note = given.get("note")
    if note is not None and (not isinstance(note, str) or len(note) > MAX_NOTE or "\0" in note):
        raise _bad(f"note must be text of at most {MAX_NOTE} characters")
    lines = tuple(_order_line(item) for item in items)
    if len({line.product_id for line in lines}) < len(lines):
        raise _bad("a product is listed twice")
    return NewOrder(customer_id, lines, note)


def _order_line(item: object) -> OrderLine:
    given = _object(item)
    product_id = _whole(given.get("productId"), MAX_ID)
    if product_id is None:
        raise _bad("productId must be a whole number")
    quantity = _whole(given.get("quantity"), MAX_QUANTITY)
    if quantity is None:
        raise _bad(f"quantity must be a whole number from 1 to {MAX_QUANTITY}")
    return OrderLine(product_id, quantity)


def new_status(body: object) -> str:
    status = _object(body).get("status")
    if status not in ORDER_STATUSES:
        raise _bad(f"status must be one of {', '.join(ORDER_STATUSES)}")
    return str(status)
