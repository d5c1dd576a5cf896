"""SQLite expressions as values: what CHECKs, index terms, predicates and generated columns are made of.

`expression_parser` reads them (sqlite.org/lang_expr.html); those with a SELECT in them occur in views and
triggers only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from typing import Literal as Choice

if TYPE_CHECKING:
    from migration.schema.query import Select


@dataclass(frozen=True)
class Literal:
    """A constant; `text` is without quotes. A `word` is true or false."""

    kind: Choice["integer", "real", "text", "blob", "null", "word", "clock"]
    text: str


@dataclass(frozen=True)
class Name:
    """A column, perhaps behind the name of its table. In double quotes it may turn out to be a text."""

    name: str
    table: str | None = None
    double_quoted: bool = False


@dataclass(frozen=True)
class Unary:
    operator: str
    operand: Expression


@dataclass(frozen=True)
class Binary:
    """Two operands; the operator is in upper case, with == as = and != as <>."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True)
class Like:
    """LIKE, GLOB, REGEXP or MATCH."""

    operator: str
    value: Expression
    pattern: Expression
    escape: Expression | None = None


@dataclass(frozen=True)
class IsNull:
    operand: Expression


@dataclass(frozen=True)
class Between:
    value: Expression
    low: Expression
    high: Expression


@dataclass(frozen=True)
class In:
    value: Expression
    choices: tuple[Expression, ...]


@dataclass(frozen=True)
class Case:
    """CASE; `subject` is what each WHEN is compared with, if anything."""

    subject: Expression | None
    branches: tuple[tuple[Expression, Expression], ...]
    otherwise: Expression | None


@dataclass(frozen=True)
class Call:
    """A function call; the name is in lower case. `star` is count(*), `distinct` an aggregate's DISTINCT."""

    name: str
    arguments: tuple[Expression, ...] = field(default=())
    star: bool = False
    distinct: bool = False


@dataclass(frozen=True)
class Cast:
    operand: Expression
    type: str


@dataclass(frozen=True)
class Collate:
    operand: Expression
    collation: str


@dataclass(frozen=True)
class Subquery:
    """A SELECT as a value: the first column of its first row."""

    query: Select


@dataclass(frozen=True)
class Exists:
    query: Select


@dataclass(frozen=True)
class InQuery:
    value: Expression
    query: Select


@dataclass(frozen=True)
class Raise:
    """RAISE in a trigger; the action is in upper case, IGNORE has no message."""

    action: str
    message: Expression | None = None


Queried = Subquery | Exists | InQuery | Raise
Expression = (
    Literal | Name | Unary | Binary | Like | IsNull | Between | In | Case | Call | Cast | Collate | Queried
)
