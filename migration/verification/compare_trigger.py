"""Is a trigger of the source on the target, at the same time, for the same event, and at work?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.schema.names import fit
from migration.schema.statement import parse_trigger
from migration.schema.tokens import BadSqlError
from migration.verification.findings import ObjectFinding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migration.schema.source import OtherObject
    from migration.schema.target import TargetPlan
    from migration.verification.catalog import Catalog


def compare_trigger(other: OtherObject, plan: TargetPlan, catalog: Catalog) -> Iterator[ObjectFinding]:
    """What is not as the source declares it; of the body, which is translated, only that there is one."""

    def finding(text: str) -> ObjectFinding:
        return ObjectFinding("trigger", other.name, other.table, text)

    tables = {table.source.name.casefold(): table.name for table in plan.tables}
    home = tables.get(other.table.casefold(), plan.name_of("view", "", other.table))
    there = next(
        (item for item in catalog.triggers if item.relation == home and item.name == fit(other.name)), None
    )
    if there is None:
        yield finding("is missing")
        return
    try:
        declared = parse_trigger(other.sql)
    except BadSqlError:
        return
    fires = f"{there.timing} {' OR '.join(sorted(there.events))}"
    wanted = f"{declared.timing} {declared.event}"
    if fires != wanted or not there.each_row:
        yield finding(f"fires {fires}{'' if there.each_row else ' once for a statement'} instead of {wanted}")
    if not there.enabled:
        yield finding("is disabled")
    if not there.calls:
        yield finding("does not call a function in PL/pgSQL")
