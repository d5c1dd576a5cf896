"""Reads a rules file. Every refusal names the file, the line and the key, and what is allowed there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml
from pydantic import BaseModel, ValidationError

from migration.errors import RulesRefusedError
from migration.rules.document import ColumnShape, RulesShape, TableShape, WrongRuleError
from migration.rules.transform import find_transform
from migration.rules.values import ColumnRule, Hooks, Rules, TableRule
from migration.rules.yaml_lines import Lines, line_of, load
from migration.schema.wording import did_you_mean

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic_core import ErrorDetails


def read_rules(path: Path | None) -> Rules:
    """Read a rules file; without one there are no rules.

    Raises:
        RulesRefusedError: it cannot be read, or a key or value in it is wrong.
    """
    if path is None:
        return Rules()
    try:
        content, lines = load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RulesRefusedError(
            f"{path} cannot be read", why=str(error), next_step="outgrow migrate rules SRC prints a beginning"
        ) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}, line {mark.line + 1}" if mark is not None else str(path)
        raise RulesRefusedError(
            f"{where}: this is not YAML",
            why=str(getattr(error, "problem", None) or error),
            next_step="quote names with *, : or # in them, and indent with blanks",
        ) from None
    if isinstance(content, dict):  # a part of which every line is a comment
        content = {part: said for part, said in content.items() if said is not None}
    try:
        shape = RulesShape.model_validate(content or {})
    except ValidationError as error:
        raise _explained(path, error, lines) from None
    return _values(path, shape, lines)


def refused(path: Path, lines: Lines, place: tuple[str, ...], why: str) -> RulesRefusedError:
    """The error of one place in a file."""
    line = line_of(lines, place)
    where = f"{path}, line {line}" if line else str(path)
    return RulesRefusedError(
        f"{where}: {_spelled(place)} is wrong",
        why=why,
        next_step="outgrow migrate rules --schema prints everything that is allowed",
    )


def _values(path: Path, shape: RulesShape, lines: Lines) -> Rules:
    return Rules(
        tuple(
            TableRule(pattern, rule.skip, rule.rename, lines.get(("tables", pattern), 0))
            for pattern, rule in shape.tables.items()
        ),
        tuple(_column(path, pattern, rule, lines) for pattern, rule in shape.columns.items()),
        Hooks(**dict(shape.hooks)),
        str(path),
    )


def _column(path: Path, pattern: str, rule: ColumnShape, lines: Lines) -> ColumnRule:
    said: dict[str, Any] = dict(rule)
    if rule.transform is not None:
        try:
            said["transform"] = find_transform(path.resolve().parent, rule.transform)
        except RulesRefusedError as error:
            place = ("columns", pattern, "transform")
            raise RulesRefusedError(
                f"{path}, line {line_of(lines, place)}: {error.what}",
                why=error.why,
                next_step=error.next_step,
            ) from None
    no_default = True if "default" in rule.model_fields_set and rule.default is None else None
    return ColumnRule(pattern, **said, no_default=no_default, line=lines.get(("columns", pattern), 0))


def _explained(path: Path, error: ValidationError, lines: Lines) -> RulesRefusedError:
    """The most telling of pydantic's findings; a misspelt key is more so than what it leads to."""
    findings = error.errors(include_url=False)
    first = min(findings, key=lambda finding: finding["type"] != "extra_forbidden")
    cause = first.get("ctx", {}).get("error")
    place = cause.place if isinstance(cause, WrongRuleError) else tuple(str(part) for part in first["loc"])
    return refused(path, lines, place, _why(first, place))


def _why(finding: ErrorDetails, place: tuple[str, ...]) -> str:
    given = finding["input"]
    match finding["type"]:
        case "extra_forbidden":
            known = _keys(place[:-1])
            return "; ".join(filter(None, (did_you_mean(place[-1], known), f"known are {', '.join(known)}")))
        case "literal_error":
            allowed = finding["ctx"]["expected"]
            guess = did_you_mean(
                str(given), [word.strip("'") for word in allowed.replace(" or ", ", ").split(", ")]
            )
            return "; ".join(filter(None, (guess, f"allowed are {allowed}, not {given!r}")))
        case "value_error":
            why = finding["msg"].removeprefix("Value error, ")
            return why if isinstance(given, dict) or not place else f"{why}; it is {given!r}"
        case "model_type" | "dict_type":
            return f"keys and values are needed here, not {given!r}"
        case "string_pattern_mismatch":
            return f"module:function is needed, such as clean:phone, not {given!r}"
        case _:
            return f"{finding['msg']} (it is {given!r})"


def _keys(place: tuple[str, ...]) -> list[str]:
    shape: type[BaseModel] = RulesShape
    if place[:1] == ("tables",):
        shape = TableShape
    elif place[:1] == ("columns",):
        shape = ColumnShape
    elif place[:1] == ("hooks",):
        shape = RulesShape.model_fields["hooks"].annotation  # type: ignore[assignment]
    return list(shape.model_fields)


def _spelled(place: tuple[str, ...]) -> str:
    """A place as people write it: columns, "user.email", type."""
    return ": ".join(place) or "the file"
