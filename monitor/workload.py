"""How reads and writes are mixed, and which of the mission's workloads that is. Pure.

The mission calls 20 % writes read-heavy and 50 % writes write-heavy. What lies between is the decision
matrix's own application. Writes are committed write transactions, reads are requests that only read: a
page that writes a session row on every visit is no reading application, whatever its methods say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: The mission: "Read-Heavy (80% reads, 20% writes)", "Write-Heavy (50% reads, 50% writes)".
READ_HEAVY_UP_TO: Final = 0.20
WRITE_HEAVY_FROM: Final = 0.50
#: A profile that was chosen is kept until the share is so far beyond its border.
_SLACK: Final = 0.05

AUTO: Final = "auto"
DEFAULT: Final = "default"
READ_HEAVY: Final = "read-heavy"
WRITE_HEAVY: Final = "write-heavy"


@dataclass(frozen=True)
class Workload:
    """The mixture of reads and writes.

    Args:
        write_share: writes among reads and writes, 0 to 1; None while it is not known.
        observed_profile: what that is: "read-heavy", "write-heavy" or "default"; None while it is not known.
        judged_profile: whose limits of users were used.
        reason: one line for people.
    """

    write_share: float | None
    observed_profile: str | None
    judged_profile: str
    reason: str


def write_share(writes: float | None, reads: float | None) -> float | None:
    """Return the share of writes; None while either is unknown, or nothing happens.

    Args:
        writes: committed write transactions in a second.
        reads: requests in a second that only read.
    """
    if writes is None or reads is None or writes + reads <= 0:
        return None
    return writes / (writes + reads)


def observed_profile(share: float | None, before: str | None = None) -> str | None:
    """Name the workload of a share of writes; None while it is not known.

    Args:
        share: writes among reads and writes, 0 to 1.
        before: the profile so far, which is kept at its very border.
    """
    if share is None:
        return None
    if share <= READ_HEAVY_UP_TO + (_SLACK if before == READ_HEAVY else 0.0):
        return READ_HEAVY
    if share >= WRITE_HEAVY_FROM - (_SLACK if before == WRITE_HEAVY else 0.0):
        return WRITE_HEAVY
    return DEFAULT


def resolve(profile: str, share: float | None, before: str | None = None) -> str:
    """Return the profile to judge by: the one asked for, or with "auto" the observed one.

    While nothing is observed, "auto" judges by the matrix's own limits, or goes on with the profile so far.
    """
    if profile != AUTO:
        return profile
    return observed_profile(share, before) or before or DEFAULT


def workload(share: float | None, judged: str) -> Workload:
    """Describe the mixture and the profile it was judged by."""
    observed = observed_profile(share)
    if share is None or observed is None:
        return Workload(None, None, judged, "reads and writes have not been observed together yet")
    mixed = f"{share:.0%} of the operations write: {_NAMES[observed]}"
    if observed == judged:
        return Workload(share, observed, judged, mixed)
    return Workload(share, observed, judged, f"{mixed}; judged as {_NAMES.get(judged, judged)}")


_NAMES: Final = {READ_HEAVY: "read-heavy", WRITE_HEAVY: "write-heavy", DEFAULT: "the matrix's own workload"}
