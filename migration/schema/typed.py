"""PostgreSQL expressions that know their type, and how SQLite's loose typing is made explicit on them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Literal

from migration.schema.clocks import write_clock
from migration.schema.ddl import quote_literal
from migration.values.temporal import TO_SHAPE, classify, parse_datetime, parse_time

if TYPE_CHECKING:
    from collections.abc import Iterable

    from migration.schema.expression import Literal as Constant

Kind = Literal[
    "integer",
    "real",
    "number",
    "text",
    "boolean",
    "bytes",
    "timestamp",
    "timestamptz",
    "date",
    "time",
    "uuid",
    "json",
    "other",
    "null",
]

#: `number` is what may be integer or real, row by row. SQLite divides the two differently.
NUMBERS: frozenset[Kind] = frozenset({"integer", "real", "number"})


class UntranslatableError(Exception):
    """Why an expression has no counterpart that means the same; caught where statements are planned."""


@dataclass(frozen=True)
class Typed:
    """SQL with its kind.

    `atomic` SQL needs no parentheses around it. `constant` is set for literals, `column` for plain columns,
    whose affinity SQLite applies to what they are compared with. `collation` is NOCASE or RTRIM, where one
    applies; `collated` says that COLLATE was written. `clock` is what it reads from the clock, if anything.
    `loose` is a text whose column SQLite takes for numeric: no text in it looks like a number.
    """

    sql: str
    kind: Kind
    atomic: bool = True
    constant: Constant | None = None
    column: bool = False
    collation: str | None = None
    type: str = ""
    collated: bool = False
    clock: str = ""
    loose: bool = False

    @property
    def operand(self) -> str:
        """The SQL as an operand of something else."""
        return self.sql if self.atomic else f"({self.sql})"


_KINDS: dict[str, Kind] = {
    "smallint": "integer",
    "integer": "integer",
    "bigint": "integer",
    "numeric": "number",
    "real": "real",
    "double precision": "real",
    "text": "text",
    "character varying": "text",
    "character": "text",
    "boolean": "boolean",
    "bytea": "bytes",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
    "date": "date",
    "time without time zone": "time",
    "uuid": "uuid",
    "json": "json",
    "jsonb": "json",
    "timestamp": "timestamp",  # with digits behind the second, which stand before "without time zone"
    "time": "time",
}


def kind_of(type_name: str) -> Kind:
    """The kind of a PostgreSQL type that a plan gives to columns; `other` for inet and interval."""
    if type_name.startswith('"'):  # an enumeration, whose values are compared with texts
        return "text"
    if type_name.startswith("timestamp") and type_name.endswith("with time zone"):
        return "timestamptz"
    return _KINDS.get(type_name.split("(", maxsplit=1)[0].strip(), "other")


def wider(kinds: Iterable[Kind]) -> Kind:
    """The kind of a value that is one of these kinds of number, whichever it is.

    Raises:
        UntranslatableError: they are not all numbers, or not all of one kind.
    """
    found = set(kinds) - {"null"}
    if len(found) <= 1:
        return found.pop() if found else "null"
    if found <= NUMBERS:
        return "number"
    raise UntranslatableError(f"a value is {' or '.join(sorted(found))}")


def calculated(left: Typed, right: Typed) -> Kind:
    """The kind of a sum or a product: real as soon as one side surely is."""
    kinds = (left.kind, right.kind)
    if "real" in kinds:
        return "real"
    return "number" if "number" in kinds else "integer"


def calculation(sql: str, kind: Kind) -> Typed:
    """The result of `number` operands."""
    return Typed(sql, kind, atomic=False, type="bigint" if kind == "integer" else "")


def boolean(item: Typed) -> str:
    """As a condition: what SQLite takes for true is a number other than 0."""
    if item.kind in ("boolean", "null"):
        return item.operand
    if item.constant is not None and item.constant.kind == "integer":
        return "false" if int(item.constant.text) == 0 else "true"
    if item.kind in NUMBERS:
        return f"({item.operand} <> 0)"
    raise UntranslatableError(f"{item.sql} is used as a condition, but is {item.kind}")


def number(item: Typed) -> str:
    """As a number to calculate with, as SQLite does: with 64-bit integers and double precision."""
    if item.kind == "boolean":
        return f"{item.operand}::integer"
    if item.kind == "integer" and item.constant is None and item.type != "bigint":
        return f"{item.operand}::bigint"
    if item.clock == "epoch":  # strftime('%s') is a text that SQLite calculates with
        return write_clock("epoch", "integer", session_clock=False) or ""
    if item.kind in NUMBERS or item.kind == "null":
        return f"{item.operand}::double precision" if item.type.startswith("numeric") else item.operand
    raise UntranslatableError(f"{item.sql} is used as a number, but is {item.kind}")


def text(item: Typed) -> str:
    """As a text; only where both databases write the value the same way."""
    if item.kind == "null":
        return f"{item.operand}::text"
    if item.kind == "text":
        return item.operand
    if item.constant is not None and item.constant.kind == "integer":
        return quote_literal(item.constant.text)
    if item.kind in ("integer", "uuid"):
        return f"{item.operand}::text"
    if item.kind == "json" and item.column and item.type != "jsonb":
        return f"{item.operand}::text"
    if item.kind == "boolean" and not item.column:
        return f"{item.operand}::integer::text"
    raise UntranslatableError(f"{item.sql} is used as text, but PostgreSQL writes a {item.kind} differently")


def comparable(left: Typed, right: Typed) -> tuple[str, str]:
    """Both sides of a comparison, made the same type as SQLite's affinity rules would (datatype3.html, 4.2).

    Raises:
        UntranslatableError: SQLite would compare different storage classes.
    """
    if "null" in (left.kind, right.kind):
        return left.operand, right.operand
    if left.clock or right.clock:
        return _with_clock(left, right)
    if "boolean" in (left.kind, right.kind):
        return _truths(left, right)
    if left.constant is not None and right.constant is None:
        theirs, ours = _with_constant(right, left)
        return ours, theirs
    if right.constant is not None and left.constant is None:
        return _with_constant(left, right)
    if left.kind == right.kind or {left.kind, right.kind} <= NUMBERS:
        return left.operand, right.operand
    if {left.kind, right.kind} <= {"timestamp", "date"}:
        return left.operand, right.operand
    raise UntranslatableError(f"{left.sql} ({left.kind}) is compared with {right.sql} ({right.kind})")


def _with_clock(left: Typed, right: Typed) -> tuple[str, str]:
    """A reading of the clock in the form that the other side's kind asks for."""
    if left.clock and right.clock:
        return left.operand, right.operand
    reading, other = (left, right) if left.clock else (right, left)
    # As texts, a day and an instant of that day are not the same: only readings of one shape are compared.
    odd = {"date": ("timestamp", "timestamptz"), "datetime": ("date",)}.get(reading.clock.split(" ")[0], ())
    shown = None if other.kind in odd else write_clock(reading.clock, other.kind, session_clock=False)
    if shown is None or other.constant is not None:
        raise UntranslatableError(f"{other.sql} ({other.kind}) is compared with the clock's {reading.clock}")
    return (shown, other.operand) if left.clock else (other.operand, shown)


def _truths(left: Typed, right: Typed) -> tuple[str, str]:
    def truth(item: Typed) -> str | None:
        if item.kind == "boolean":
            return item.operand
        if item.constant is not None and item.constant.text in ("0", "1"):
            return "true" if item.constant.text == "1" else "false"
        return None

    ours, theirs = truth(left), truth(right)
    if ours is not None and theirs is not None:
        return ours, theirs
    return number(left), number(right)


def _with_constant(item: Typed, constant: Typed) -> tuple[str, str]:
    """A side that is no constant, and one that is, in the form that the first one's kind asks for."""
    value = constant.constant
    assert value is not None
    plain = value.text
    match item.kind:
        case "integer" | "real" | "number" if value.kind in ("integer", "real"):
            return item.operand, constant.operand
        case "integer" | "real" | "number" if value.kind == "text" and item.column:
            try:
                return item.operand, str(Decimal(plain))
            except InvalidOperation:
                pass
        case "text" if value.kind == "text":
            return item.operand, quote_literal(_as_stored(plain)) if item.loose else constant.operand
        case "text" if value.kind == "integer" and item.column:
            return item.operand, quote_literal(plain)
        case "bytes" if value.kind == "blob":
            return item.operand, constant.operand
        case "timestamp" | "timestamptz" | "date" if value.kind == "text":
            # SQLite compares texts: only those of one shape are in the order of time.
            if (classify(plain.translate(TO_SHAPE)) == "date") != (item.kind == "date"):
                raise UntranslatableError(f"{item.sql} ({item.kind}) is compared with {constant.sql}")
            _readable(parse_datetime, plain)
            zone = "+00" if item.kind == "timestamptz" and parse_datetime(plain).tzinfo is None else ""
            return item.operand, f"{quote_literal(plain + zone)}::{item.kind}"
        case "time" if value.kind == "text":
            _readable(parse_time, plain)
            return item.operand, f"{quote_literal(plain)}::time"
        case _:
            pass
    raise UntranslatableError(f"{item.sql} ({item.kind}) is compared with {constant.sql}")


def _as_stored(plain: str) -> str:
    """A text as a numeric column stores it, written as the copy writes it."""
    try:
        number = Decimal(plain)
    except InvalidOperation:
        return plain
    if number == number.to_integral_value() and abs(number) < 2**63:
        return str(int(number))
    raise UntranslatableError(f"{plain!r} is compared with a column that stores it as a number")


def same(left: Typed, right: Typed) -> tuple[str, str]:
    """Both sides of a comparison for equality; see `comparable`."""
    if left.loose and left.column and right.kind == "integer" and right.constant is None:
        return left.operand, f"{right.operand}::text"
    if right.loose and right.column and left.kind == "integer" and left.constant is None:
        return f"{left.operand}::text", right.operand
    return comparable(left, right)


def _readable(parse: object, plain: str) -> None:
    assert callable(parse)
    try:
        parse(plain)
    except ValueError as error:
        raise UntranslatableError(str(error)) from None
