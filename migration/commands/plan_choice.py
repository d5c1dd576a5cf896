"""The options that every command over one plan takes, said once: they become parameters of the command."""

from __future__ import annotations

import inspect
from functools import wraps
from typing import TYPE_CHECKING, Any

from migration.commands import options as option

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from migration.schema.options import PlanOptions

#: The names of the options, in the order in which --help shows them, with their types and defaults.
_ALWAYS: Mapping[str, tuple[Any, Any]] = {
    "schema": (option.Schema, "public"),
    "orm": (option.Orm, "auto"),
    "nul_policy": (option.NulPolicy, "refuse"),
    "invalid_utf8": (option.InvalidUtf8, "refuse"),
    "misfits": (option.Misfits, "auto"),
    "blanks": (option.Blanks, "auto"),
    "boolean_words": (option.BooleanWords, False),
    "names": (option.Names, "keep"),
    "include": (option.Include, None),
    "exclude": (option.Exclude, None),
    "rules": (option.RulesFile, None),
    "fts": (option.Fts, "skip"),
    "nocase": (option.Nocase, "lower"),
    "comments": (option.Comments, "auto"),
}
#: Those of commands that see a target which the application may have made.
_EXISTING: Mapping[str, tuple[Any, Any]] = {
    "target_first": (option.TargetFirst, False),
    "create_missing": (option.CreateMissing, False),
    "truncate_target": (option.TruncateTarget, False),
    "drop_columns": (option.DropColumns, None),
}


class PlanChoice:
    """What the user said about the plan on the command line."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given

    def read(self) -> PlanOptions:
        """The options, with the rules file read.

        Raises:
            RulesRefusedError: that file cannot be read, or says something wrong.
        """
        from migration.schema.options import PlanOptions  # noqa: PLC0415  # --help is quick without it

        given: dict[str, Any] = {
            name: tuple(value or ()) if name in _LISTS else value for name, value in self._given.items()
        }
        if given["rules"] is None:
            del given["rules"]
        else:
            from migration.rules.reading import read_rules  # noqa: PLC0415  # pydantic and YAML

            given["rules"] = read_rules(given["rules"])
        return PlanOptions(**given)


_LISTS = frozenset({"include", "exclude", "drop_columns"})


def choosing_plan(
    *, existing: bool = False, without: tuple[str, ...] = ()
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of a plan in place of its parameter `plan`, which gets a PlanChoice.

    Args:
        existing: with those about a target that the application has made.
        without: names of options that make no sense there.
    """
    chosen = {**_ALWAYS, **(_EXISTING if existing else {})}
    chosen = {name: said for name, said in chosen.items() if name not in without}

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def called(**given: Any) -> None:
            plan = PlanChoice({name: given.pop(name) for name in chosen})
            command(plan=plan, **given)

        parameters: list[inspect.Parameter] = []
        for parameter in inspect.signature(command, eval_str=True).parameters.values():
            if parameter.name != "plan":
                parameters.append(parameter)
                continue
            parameters += [
                inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=said)
                for name, (said, default) in chosen.items()
            ]
        # Typer reads both.
        called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        called.__annotations__ = {item.name: item.annotation for item in parameters}
        return called

    return decorate
