"""Decides how a run begins: anew, where an earlier one stopped, over again, or not at all. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from migration.errors import JournalRefusedError, TargetRefusedError
from migration.rules.changes import changed_rules
from migration.schema.options import PlanOptions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from migration.running.journal import Setup, StepRecord
    from migration.target.state import TargetSetup

#: fresh: nothing was done yet; resume: go on; start over: the source changed, so drop our tables and copy
#: anew;
#: conclude: everything is done and only the journal's last word is missing.
Beginning = Literal["fresh", "resume", "start over", "conclude"]


def refuse_other(journal: Path, pinned: Setup, now: Setup) -> None:
    """Refuse a journal that stands for another migration, naming every difference.

    Raises:
        JournalRefusedError: source, target, schema or options differ.
    """
    differences = []
    if pinned.source != now.source:
        differences.append(f"the source was {pinned.source}, now {now.source}")
    if not pinned.target.same_database(now.target):
        differences.append(f"the target was {pinned.target}, now {now.target}")
    if pinned.schema != now.schema:
        differences.append(f"the schema was {pinned.schema}, now {now.schema}")
    before = {**PlanOptions().to_json(), **pinned.options}  # an older version had fewer options
    differences += [
        f"{name.replace('_', '-')} was {before.get(name)}, now {value}"
        for name, value in now.options.items()
        if before.get(name) != value and name != "rules"
    ]
    differences += changed_rules(before["rules"], now.options.get("rules", before["rules"]))
    if differences:
        raise JournalRefusedError(
            f"the journal {journal} belongs to another migration",
            why="; ".join(differences),
            next_step="repeat the earlier command to go on with it, or give this one its own: --journal FILE",
        )


def decide(
    pinned: Setup | None,
    steps: Mapping[str, StepRecord],
    recorded: TargetSetup | None,
    now: Setup,
) -> Beginning:
    """How to begin, from what journal and target remember. `pinned` and `recorded` are None where nothing is.

    Raises:
        TargetRefusedError: the target holds another migration's tables, or lost this one's.
        JournalRefusedError: the journal was made by a version that plans differently.
    """
    if pinned is None:
        if recorded is not None:
            raise _journal_lost(recorded, now)
        return "fresh"
    if recorded is None:
        if any(step.kind == "finish" for step in steps.values()):
            return "conclude"
        if any(step.state != "started" for step in steps.values()):
            raise TargetRefusedError(
                f"schema {now.schema} no longer holds what the journal says was done there",
                why="the database was dropped or restored after the interrupted run",
                next_step="remove the journal and migrate anew into an empty schema",
            )
        return "fresh"
    if recorded.journal != pinned.journal:
        raise _journal_lost(recorded, now)
    if recorded.source_state != now.source_state:
        return "start over"
    if recorded.plan_hash != now.plan_hash:
        raise JournalRefusedError(
            f"the interrupted migration was planned differently, by Outgrow {pinned.tool}",
            why=f"this is Outgrow {now.tool}; half of each plan would fit nobody",
            next_step=f"go on with Outgrow {pinned.tool}, or remove the journal and start in an empty schema",
        )
    return "resume"


def _journal_lost(recorded: TargetSetup, now: Setup) -> TargetRefusedError:
    return TargetRefusedError(
        f"schema {now.schema} holds an unfinished migration that has another journal; nothing was changed",
        why=f"it copies {recorded.source} and is known as {recorded.journal}",
        next_step="go on with that one (--journal FILE), or fill another schema (--schema NAME); "
        f'to give it up, in psql: DROP SCHEMA "{now.schema}" CASCADE; CREATE SCHEMA "{now.schema}"; '
        "DROP SCHEMA IF EXISTS outgrow CASCADE",
    )
