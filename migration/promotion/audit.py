"""The audit: who decided or did what, why and when, as a chain of hashes.

Each entry's hash covers its own fields and the hash before it, so an entry that is changed, removed, inserted
or moved breaks the chain at its place; the journal keeps the last hash apart, so that a chain cut short is
seen too. The chain has no key: it shows edits made around Outgrow, not a forger who rewrites the whole file.
Whoever must exclude that keeps the last hash, which every promotion prints, somewhere else.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: What the first entry names as the hash before it.
GENESIS = "0" * 64


@dataclass(frozen=True)
class Entry:
    """One line of the audit.

    `at` is UTC in ISO 8601; `detail` is what was measured or decided, without secrets.
    """

    sequence: int
    at: str
    promotion: str
    who: str
    what: str
    why: str
    detail: Mapping[str, Any] = field(default_factory=dict)
    previous: str = GENESIS
    hash: str = ""


def canonical(value: object) -> str:
    """One spelling for one JSON value: sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(value: object) -> str:
    """The sha256, in hexadecimal, of a JSON value's canonical spelling."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def seal(entry: Entry) -> str:
    """The hash of an entry over all its fields but the hash itself."""
    return digest(
        [
            entry.sequence,
            entry.at,
            entry.promotion,
            entry.who,
            entry.what,
            entry.why,
            dict(entry.detail),
            entry.previous,
        ]
    )


def find_break(entries: Iterable[Entry], head: str) -> str | None:
    """Say where a chain is broken, or None where it is whole.

    Args:
        entries: all entries, in order.
        head: the hash that the journal keeps as the last one (`GENESIS` for an empty audit).
    """
    previous = GENESIS
    for expected, entry in enumerate(entries, start=1):
        if entry.sequence != expected:
            return f"entry {expected} is missing: the next one is number {entry.sequence}"
        if entry.previous != previous:
            return f"entry {entry.sequence} does not follow the one before it"
        if seal(entry) != entry.hash:
            return f"entry {entry.sequence} ({entry.what}) was changed after it was written"
        previous = entry.hash
    if previous != head:
        return "entries are missing at the end"
    return None
