"""What the user chooses about the target; the whole plan follows from the file and these options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

NulPolicy = Literal["refuse", "strip", "replace"]
Utf8Policy = Literal["refuse", "replace", "latin-1"]
OrmChoice = Literal["auto", "generic", "typeorm"]


@dataclass(frozen=True)
class PlanOptions:
    """Options of a plan.

    `schema` is the PostgreSQL schema to fill. `nul_policy` says what becomes of U+0000 in text, which
    PostgreSQL cannot store: refuse to migrate, strip it, or replace it with U+2400 (its visible symbol).
    `invalid_utf8` says what becomes of text that is not valid in the file's encoding: refuse, replace the bad
    bytes with U+FFFD, or read the whole value as Latin-1. `orm` names the library that made the file, whose
    PostgreSQL schema is then aimed at; auto recognises it.
    """

    schema: str = "public"
    nul_policy: NulPolicy = "refuse"
    invalid_utf8: Utf8Policy = "refuse"
    orm: OrmChoice = "auto"
