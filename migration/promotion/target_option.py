"""The --target option: a connection string, or the environment variable that holds it."""

from __future__ import annotations

import os

from migration.promotion.errors import WrongPromotionError
from migration.target.dsn import parse_dsn

_VARIABLE = "env:"


def resolve_target(text: str | None) -> str | None:
    """The connection string that the option means; None where it was left out.

    Raises:
        WrongPromotionError: the variable is not set.
        DsnError: it is no connection string.
    """
    if text is None:
        return None
    if text.startswith(_VARIABLE):
        name = text.removeprefix(_VARIABLE)
        value = os.environ.get(name, "")
        if not value:
            raise WrongPromotionError(
                f"--target {text}: the environment variable {name or '(none)'} is not set",
                next_step=f"export {name or 'NAME'}='postgresql://USER@HOST:5432/DATABASE'",
            )
        text = value
    parse_dsn(text)
    return text


def shows_secret(text: str | None) -> bool:
    """Whether the option itself, which process lists show, carries a password."""
    return text is not None and not text.startswith(_VARIABLE) and bool(parse_dsn(text).secrets)
