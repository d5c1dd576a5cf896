"""Makes the two sides of every reference comparable: PostgreSQL compares a foreign key's columns by their
types.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from migration.schema.draft import Draft


def unify_references(draft: Draft) -> None:
    del draft
