"""The shape of a rules file: its keys, and what each may hold. Its JSON schema is made of this."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from migration.rules.values import is_glob
from migration.schema.ddl import NAME_LIMIT
from migration.schema.names import SYSTEM_COLUMNS
from migration.schema.options import NulPolicy, Utf8Policy
from migration.schema.tokens import BadSqlError, Kind, tokenize
from migration.schema.wording import did_you_mean

#: A type as PostgreSQL writes it: words, perhaps a schema before them, numbers in parentheses, brackets.
_TYPE = re.compile(
    r'(?:(?:\w+|"[^"]+")\.)?(?:"[^"]+"|[^\W\d]\w*(?: [^\W\d]\w*)*)'
    r"(?: ?\( ?\d+ ?(?:, ?-?\d+ ?)?\))?(?: with(?:out)? time zone)?(?:\[\d*\])*",
    re.IGNORECASE,
)
EPOCHS = ("epoch-s", "epoch-ms", "epoch-us", "epoch-ns")
#: Hooks run inside the transaction that records them, so they cannot end it, nor be what must run outside.
_NO_HOOK = re.compile(
    r"(?:begin(?! +atomic)|start|commit|end|rollback|abort|savepoint|release|prepare|vacuum)\b|"
    r"(?:create|drop) +database\b|alter +system\b",
    re.IGNORECASE,
)
#: What stands in quotes of any kind, and comments.
_QUOTED = re.compile(r"\$(\w*)\$.*?\$\1\$|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/", re.DOTALL)


def _name(value: str) -> str:
    if not value or "\0" in value:
        raise ValueError("a name has at least one character, and no NUL")
    if len(value.encode()) > NAME_LIMIT:
        raise ValueError(f"a name has at most {NAME_LIMIT} bytes in PostgreSQL")
    return value


def _type(value: str) -> str:
    if not _TYPE.fullmatch(value.strip()):
        raise ValueError("a PostgreSQL type is needed, such as bigint, numeric(12,2) or timestamptz")
    return " ".join(value.split())


def _format(value: str) -> str:
    if value in (*EPOCHS, "julian") or "%" in value:
        return value
    known = f"{', '.join(EPOCHS)}, julian or a pattern such as %d/%m/%Y is needed"
    guess = did_you_mean(value, (*EPOCHS, "julian"))
    raise ValueError(f"{known}; {guess}" if guess else known)


def _time_zone(value: str) -> str:
    zones = available_timezones()
    if value not in zones:
        guess = did_you_mean(value, zones)
        raise ValueError(
            "the name of a time zone is needed, such as Europe/Berlin" + (f"; {guess}" if guess else "")
        )
    return value


def _sql(value: object) -> object:
    """YAML reads 0, 1.5 and true as values; here they are SQL."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _expression(value: str | None) -> str | None:
    if value is None:
        return None
    try:
        tokens = tokenize(value)
    except BadSqlError as error:
        raise ValueError(f"an SQL expression is needed: {error.why}") from None
    if not tokens or any(token.kind is Kind.OPERATOR and token.value == ";" for token in tokens):
        raise ValueError("one SQL expression is needed, such as now() or 'new'; null for no default")
    return value.strip()


def _hook(value: str) -> str:
    statement = value.strip().rstrip(";").strip()
    if not statement:
        raise ValueError("an SQL statement is needed")
    bare = _QUOTED.sub(" ", statement)
    atomic = re.search(r"\bbegin +atomic\b", bare, re.IGNORECASE) is not None
    for part in [bare] if atomic else bare.split(";"):
        if found := _NO_HOOK.match(part.strip()):
            raise ValueError(f"{found.group().upper()} cannot run inside the transaction of a hook")
    if re.search(r"\bconcurrently\b", bare, re.IGNORECASE):
        raise ValueError("CONCURRENTLY cannot run inside the transaction of a hook")
    return statement


Name = Annotated[str, AfterValidator(_name)]
Hook = Annotated[str, AfterValidator(_hook)]


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TableShape(Shape):
    """What to do with a table or a view."""

    skip: Annotated[bool | None, Field(strict=True, description="Do not migrate it.")] = None
    rename: Annotated[Name | None, Field(description="Its name in PostgreSQL; exact names only.")] = None


class ColumnShape(Shape):
    """What to do with a column."""

    skip: Annotated[bool | None, Field(strict=True, description="Do not migrate it.")] = None
    rename: Annotated[Name | None, Field(description="Its name in PostgreSQL; exact names only.")] = None
    type: Annotated[
        Annotated[str, AfterValidator(_type)] | None, Field(description="Its type in PostgreSQL.")
    ] = None
    conversion: Annotated[
        Literal[
            "integer", "real", "numeric", "text", "bytes", "boolean", "timestamp", "timestamptz",
            "date", "time", "uuid", "json", "any as text",
        ]
        | None,
        Field(description="How values become that type; the type decides where this is missing."),
    ] = None  # fmt: skip
    format: Annotated[
        Annotated[str, AfterValidator(_format)] | None,
        Field(description="How dates are stored: epoch-s, -ms, -us, -ns, julian, or a pattern (%d/%m/%Y)."),
    ] = None
    time_zone: Annotated[
        Annotated[str, AfterValidator(_time_zone)] | None,
        Field(description="The time zone that local timestamps are in, such as Europe/Berlin."),
    ] = None
    default: Annotated[
        Annotated[str | None, BeforeValidator(_sql), AfterValidator(_expression)],
        Field(description="Its default in PostgreSQL, as SQL; null for none."),
    ] = None
    nul: Annotated[
        NulPolicy | None, Field(description="What becomes of U+0000 in text, as --nul-policy.")
    ] = None
    utf8: Annotated[
        Utf8Policy | None, Field(description="What becomes of damaged text, as --invalid-utf8.")
    ] = None
    misfits: Annotated[
        Literal["widen", "reject"] | None,
        Field(description="What becomes of values that do not fit, as --misfits."),
    ] = None
    blanks: Annotated[
        Literal["null", "reject", "refuse"] | None,
        Field(description="What becomes of '' and the like in other than text columns, as --blanks."),
    ] = None
    transform: Annotated[
        str | None,
        Field(
            pattern=r"^[A-Za-z_][A-Za-z0-9_]*:[A-Za-z_][A-Za-z0-9_]*$",
            description="module:function, from a Python file beside the rules; code that runs.",
        ),
    ] = None


class HooksShape(Shape):
    """SQL statements to run at certain points."""

    before_schema: Annotated[tuple[Hook, ...], Field(description="Before the tables are made.")] = ()
    after_schema: Annotated[tuple[Hook, ...], Field(description="When the tables are made.")] = ()
    before_load: Annotated[tuple[Hook, ...], Field(description="Before the rows are copied.")] = ()
    after_load: Annotated[
        tuple[Hook, ...], Field(description="When the rows are copied, before keys and indexes.")
    ] = ()
    after_all: Annotated[tuple[Hook, ...], Field(description="At the very end, after the verification.")] = ()


class RulesShape(Shape):
    """Rules for outgrow migrate: docs/rules.md."""

    model_config = ConfigDict(title="Rules of outgrow migrate")

    tables: Annotated[
        dict[str, TableShape], Field(description="By name or pattern (*, ?) of a table or view.")
    ] = Field(default_factory=dict)
    columns: Annotated[
        dict[str, ColumnShape], Field(description="By table.column, or a pattern such as *.created_at.")
    ] = Field(default_factory=dict)
    hooks: HooksShape = Field(default_factory=HooksShape)

    @model_validator(mode="after")
    def _exact_where_needed(self) -> Self:
        for part, rules in (("tables", self.tables), ("columns", self.columns)):
            for pattern, rule in rules.items():
                said = rule.model_fields_set
                if "rename" in said and is_glob(pattern):
                    raise _wrong((part, pattern, "rename"), "give one exact name: several cannot share one")
                if rule.skip and len(said) > 1:
                    raise _wrong((part, pattern, "skip"), "what is skipped needs no other rule")
                if part == "columns" and "." not in pattern:
                    raise _wrong((part, pattern), "a column is table.column, or *.column for every table")
                if part == "columns" and rule.rename in SYSTEM_COLUMNS:
                    raise _wrong((part, pattern, "rename"), "PostgreSQL keeps this name for itself")
        return self


class WrongRuleError(ValueError):
    """A rule that is wrong as a whole; `place` is where in the file."""

    def __init__(self, place: tuple[str, ...], why: str) -> None:
        super().__init__(why)
        self.place = place


def _wrong(place: tuple[str, ...], why: str) -> WrongRuleError:
    return WrongRuleError(place, why)


def json_schema() -> dict[str, Any]:
    """The JSON schema of a rules file, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **RulesShape.model_json_schema()}
