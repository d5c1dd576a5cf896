"""The rows of a seeded shop, as the databases take them; ../../contract/README.md says which, and why."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shop.generator import Generator

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_WORDS = json.loads((Path(__file__).parents[2] / "contract" / "seed.json").read_text(encoding="utf-8"))
_EPOCH = datetime.fromisoformat(_WORDS["epoch"]).replace(tzinfo=None)
_FIRST_ORDER = _EPOCH + timedelta(days=30)

#: A row's values in the order of its table's columns.
Values = tuple[Any, ...]


def _time(value: datetime) -> str:
    return f"{value:%Y-%m-%d %H:%M:%S}.{value.microsecond // 1000:03}"


def customer_rows(count: int) -> Iterator[Values]:
    """Yield (id, email, name, newsletter, address, createdAt)."""
    draw = Generator(_WORDS["streams"]["customers"])
    for number in range(1, count + 1):
        name = f"{draw.pick(_WORDS['firstNames'])} {draw.pick(_WORDS['lastNames'])}"
        newsletter = draw.below(3) == 0
        address = None if draw.below(5) == 0 else _address(draw)
        created = _EPOCH + timedelta(minutes=number * 37, milliseconds=draw.below(60_000))
        yield number, f"shopper{number}@example.com", name, newsletter, address, _time(created)


def _address(draw: Generator) -> str:
    street = f"{draw.pick(_WORDS['streets'])} {1 + draw.below(200)}"
    postcode = str(10_000 + draw.below(90_000))
    place = draw.pick(_WORDS["cities"])
    address = {"street": street, "postcode": postcode, "city": place["city"], "country": place["country"]}
    return json.dumps(address, ensure_ascii=False, separators=(",", ":"))


def product_rows(count: int) -> Iterator[Values]:
    """Yield (id, sku, name, description, price, stock, active, createdAt)."""
    draw = Generator(_WORDS["streams"]["products"])
    for number in range(1, count + 1):
        name = " ".join(draw.pick(_WORDS[kind]) for kind in ("adjectives", "materials", "things"))
        description = None if draw.below(4) == 0 else draw.pick(_WORDS["descriptions"])
        price = _amount(99 + draw.below(20_000))
        stock = 500 + draw.below(1500)
        active = draw.below(50) != 0
        created = _EPOCH + timedelta(minutes=number * 11)
        yield number, f"SKU-{number:05}", name, description, price, stock, active, _time(created)


def order_rows(
    count: int, customers: int, products: Sequence[Values]
) -> Iterator[tuple[Values, list[Values]]]:
    """Yield each order with its items.

    An order is (id, customerId, status, total, note, createdAt, shippedAt), an item (id, orderId, productId,
    productName, quantity, unitPrice).
    """
    draw = Generator(_WORDS["streams"]["orders"])
    items = 0
    for number in range(1, count + 1):
        order_id = _uuid(draw)
        customer = 1 + draw.below(customers)
        status = draw.pick(_WORDS["statuses"])
        created = _FIRST_ORDER + timedelta(seconds=number * 97, milliseconds=draw.below(97_000))
        shipped = _time(created + timedelta(hours=1 + draw.below(72))) if status == "shipped" else None
        note = draw.pick(_WORDS["notes"]) if draw.below(10) == 0 else None
        lines = _lines(draw, order_id, products, items)
        items += len(lines)
        total = sum(round(float(price) * 100) * quantity for *_, quantity, price in lines)
        yield (order_id, customer, status, _amount(total), note, _time(created), shipped), lines


def _lines(draw: Generator, order_id: str, products: Sequence[Values], before: int) -> list[Values]:
    lines: dict[int, Values] = {}
    for _ in range(1 + draw.below(4)):
        product, _sku, name, _description, price, *_ = products[draw.below(len(products))]
        quantity = 1 + draw.below(3)
        linked = None if draw.below(40) == 0 else product
        if product not in lines:
            lines[product] = (before + len(lines) + 1, order_id, linked, name, quantity, price)
    return list(lines.values())


def _amount(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"


def _uuid(draw: Generator) -> str:
    digits = "".join(f"{draw.bits():08x}" for _ in range(4))
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
