"""Every rule, in one table."""

from __future__ import annotations

from migration.errors import OptionRefusedError
from migration.lint.rule import Rule  # noqa: TC001  # an annotation of a constant
from migration.lint.rules import (
    administration,
    comparing,
    dates,
    functions,
    grouping,
    json,
    names,
    ordering,
    patterns,
    writing,
)

RULES: tuple[Rule, ...] = (
    *names.RULES,
    *patterns.RULES,
    *writing.RULES,
    *functions.RULES,
    *dates.RULES,
    *json.RULES,
    *comparing.RULES,
    *grouping.RULES,
    *ordering.RULES,
    *administration.RULES,
)
BY_ID = {rule.id: rule for rule in RULES}


def chosen(only: tuple[str, ...], ignore: tuple[str, ...]) -> tuple[Rule, ...]:
    """The rules that the user wants.

    Raises:
        OptionRefusedError: there is no rule of that name.
    """
    for name in (*only, *ignore):
        if name not in BY_ID:
            raise OptionRefusedError(
                f"there is no rule {name}",
                why=f"the rules are {', '.join(sorted(BY_ID))}",
                next_step="outgrow migrate lint --list-rules",
            )
    return tuple(rule for rule in RULES if (not only or rule.id in only) and rule.id not in ignore)
