"""A file of no known library: what is declared and stored decides alone."""

from __future__ import annotations

from migration.orm.profile import OrmProfile

GENERIC = OrmProfile()
