"""What the user chooses about the target; the whole plan follows from the file and these options."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

from migration.rules.values import Rules

if TYPE_CHECKING:
    from collections.abc import Mapping

NulPolicy = Literal["refuse", "strip", "replace", "reject", "bytea"]
Utf8Policy = Literal["refuse", "replace", "latin-1", "reject", "bytea"]
MisfitPolicy = Literal["auto", "widen", "reject"]
BlankPolicy = Literal["auto", "null", "reject", "refuse"]
FtsPolicy = Literal["skip", "tsvector"]
NocasePolicy = Literal["lower", "citext", "icu"]
CommentPolicy = Literal["auto", "yes", "no"]
OrmChoice = Literal[
    "auto",
    "generic",
    "typeorm",
    "django",
    "rails",
    "prisma",
    "knex",
    "sequelize",
    "sqlalchemy",
    "drizzle",
]
NamePolicy = Literal["keep", "lower", "snake"]


@dataclass(frozen=True)
class PlanOptions:
    """Options of a plan.

    `schema` is the PostgreSQL schema to fill. `nul_policy` says what becomes of U+0000 in text, which
    PostgreSQL cannot store: refuse to migrate, strip it, replace it with U+2400 (its visible symbol), reject
    the row, or keep the column's bytes as bytea. `invalid_utf8` says what becomes of text that is not valid
    in the file's encoding: refuse, replace the bad bytes with U+FFFD, read the whole value as Latin-1, reject
    the row, or bytea. `misfits` says what becomes of a column with values that its declared type cannot hold:
    a wider type, or rows that are rejected; auto widens, except where an ORM made the file and its types are
    a contract. `blanks` says what becomes of '', '0000-00-00' and 0 in columns of dates, and of '' in those
    of numbers and booleans: NULL (where the column takes it, else rejected), rejected, or refused; auto makes
    NULL of blank dates and treats the others as misfits. `boolean_words` reads yes, no, y, n, on and off as
    booleans. `orm` names the library that made the file, whose PostgreSQL schema is then aimed at; auto
    recognises it. `names` says how names are spelled on the target. `include` and `exclude` are patterns of
    tables and views to migrate, or not; without `include`, all are. `rules` is the user's rules file.
    `fts` says what becomes of a full-text search: it is left, or gets a GIN index over to_tsvector().
    `nocase` says how COLLATE NOCASE goes on: as a unique index over lower(), as the type
    citext of the extension of that name, or as a nondeterministic collation of ICU's. `comments` says whether
    comments beside the columns of a declaration become PostgreSQL's; auto leaves them where an ORM made the
    file.

    `target_first` loads into the tables that the application has made on PostgreSQL. There, `create_missing`
    makes the tables it has not, `truncate_target` empties those that hold rows, and `drop_columns`
    (TABLE.COLUMN) names what may be left behind.
    """

    schema: str = "public"
    nul_policy: NulPolicy = "refuse"
    invalid_utf8: Utf8Policy = "refuse"
    misfits: MisfitPolicy = "auto"
    blanks: BlankPolicy = "auto"
    boolean_words: bool = False
    orm: OrmChoice = "auto"
    names: NamePolicy = "keep"
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    rules: Rules = field(default_factory=Rules)
    target_first: bool = False
    create_missing: bool = False
    truncate_target: bool = False
    drop_columns: tuple[str, ...] = ()
    fts: FtsPolicy = "skip"
    nocase: NocasePolicy = "lower"
    comments: CommentPolicy = "auto"

    def to_json(self) -> dict[str, Any]:
        """As the journal keeps them: two equal options give equal values."""
        plain = {option.name: getattr(self, option.name) for option in fields(self) if option.name != "rules"}
        return json.loads(json.dumps({**plain, "rules": self.rules.to_json()}))  # type: ignore[no-any-return]

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> PlanOptions:
        known: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in content.items()
        }
        if "rules" in known:
            known["rules"] = Rules.from_json(known["rules"])
        return cls(**known)
