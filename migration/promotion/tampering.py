"""Whether a journal says what Outgrow wrote: its audit chain, its setup row, its states and its step rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.promotion.audit import digest, find_break
from migration.promotion.errors import TamperedJournalError
from migration.promotion.record import State, StepState

if TYPE_CHECKING:
    from migration.promotion.journal import Journal
    from migration.promotion.record import PromotionRecord, StepRecord

_STATES = frozenset(state.value for state in State)


def find_tampering(journal: Journal) -> str | None:
    """Say what was changed around Outgrow, or None.

    The audit is a chain of hashes; the newest promotion's rows are compared with the digests that the audit
    sealed when they were written.
    """
    entries = journal.audit()
    broken = find_break(entries, journal.head())
    if broken:
        return broken
    record = journal.latest()
    if record is None:
        return None
    mine = [entry for entry in entries if entry.promotion == record.id]
    setups = [entry.detail.get("setup") for entry in mine if entry.what == State.PROPOSED.value]
    if setups != [setup_digest(record)]:
        return f"the setup row of promotion {record.id} was changed after it was written"
    states = [entry.what for entry in mine if entry.what in _STATES]
    if states[-1] != record.state.value:
        return f"the state of promotion {record.id} was changed from {states[-1]} to {record.state.value}"
    sealed = {
        entry.what.removeprefix("step "): entry.detail.get("row") for entry in mine if "row" in entry.detail
    }
    for step in record.steps:
        if step.name not in sealed and step.state is StepState.PENDING:
            continue
        if sealed.get(step.name) != step_digest(step):
            return f"the row of step {step.name} was changed after it was written"
    return None


def refuse_tampering(journal: Journal) -> None:
    """Stop where `find_tampering` finds something.

    Raises:
        TamperedJournalError: with what was found.
    """
    broken = find_tampering(journal)
    if broken:
        raise TamperedJournalError(
            f"the journal {journal.path} was changed by something other than Outgrow",
            why=broken,
            next_step="put a copy of the journal back; outgrow promote status shows what this one says",
        )


def setup_digest(record: PromotionRecord) -> str:
    """The digest of everything a promotion is pinned to."""
    return digest(
        [
            record.id,
            record.plan_hash,
            dict(record.plan),
            record.source,
            record.target,
            record.runner,
            dict(record.options),
        ]
    )


def step_digest(step: StepRecord) -> str:
    """The digest of a step's row."""
    return digest(
        [
            step.state.value,
            step.attempts,
            dict(step.intent),
            dict(step.outcome),
            step.error,
            step.started_at,
            step.ended_at,
        ]
    )
