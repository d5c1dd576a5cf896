"""One checksum over every row as the shop's JSON shows it; ../../contract/README.md pins it."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from shop.views import View, customer_view, item_view, order_head_view, product_view

if TYPE_CHECKING:
    from collections.abc import Callable

    from shop.database import Row, Session

_BATCH = 500


def _value(view: object) -> int:
    text = json.dumps(view, ensure_ascii=False, separators=(",", ":"))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def _hex(value: int) -> str:
    return f"{value % 2**64:016x}"


def _order_item(row: Row) -> View:
    return {"id": row["id"], "orderId": str(row["orderId"]), **item_view(row)}


def _table(session: Session, table: str, view: Callable[[Row], View]) -> View:
    """Walk a table along its key, so that memory stays flat whatever the size."""
    rows = total = 0
    batch = session.rows(f'SELECT * FROM "{table}" ORDER BY "id" LIMIT {_BATCH}')  # noqa: S608  # our own names
    following = f'SELECT * FROM "{table}" WHERE "id" > ? ORDER BY "id" LIMIT {_BATCH}'  # noqa: S608
    while batch:
        rows += len(batch)
        total += sum(_value(view(row)) for row in batch)
        batch = session.rows(following, batch[-1]["id"])
    return {"rows": rows, "checksum": _hex(total)}


def fingerprint(session: Session) -> View:
    tables = {
        "customers": _table(session, "customer", customer_view),
        "products": _table(session, "product", product_view),
        "orders": _table(session, "order", order_head_view),
        "orderItems": _table(session, "order_item", _order_item),
    }
    return {**tables, "checksum": _hex(_value(tables))}
