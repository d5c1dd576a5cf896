"""Reading secrets that the configuration names, at the moment they are needed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from monitor.errors import MonitorError

if TYPE_CHECKING:
    from pathlib import Path

_LONGEST: Final = 4096


class SecretMissing(MonitorError):
    """A secret is named and not there."""


def read_secret(what: str, variable: str | None, file: Path | None) -> str:
    """Return a secret, without the newline at its end.

    Args:
        what: whose it is, for messages: "ops.password".
        variable: the environment variable that holds it.
        file: the file that holds it, where there is no variable.

    Raises:
        SecretMissing: the variable is empty, or the file cannot be read; the message never holds the secret.
    """
    if variable is not None:
        value = os.environ.get(variable, "")
        place = f"the environment variable {variable}"
    else:
        assert file is not None
        place = str(file)
        try:
            with file.open(encoding="utf-8") as opened:
                value = opened.read(_LONGEST)
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise SecretMissing(f"{what} cannot be read from {place}", why=str(reason)) from None
    value = value.strip()
    if not value:
        raise SecretMissing(f"{what} is empty", why=f"{place} holds nothing", next_step=f"set {place}")
    return value
