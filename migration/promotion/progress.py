"""What a promotion says while it works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias


@dataclass(frozen=True)
class Notice:
    """One thing that happened: a step began, ended, failed, was found done or put back; or a detail of it."""

    kind: Literal["begun", "done", "skipped", "failed", "reverting", "reverted", "detail"]
    step: str
    text: str = ""


Progress: TypeAlias = Callable[[Notice], None]


def silent(notice: Notice) -> None:
    """Say nothing."""
    del notice
