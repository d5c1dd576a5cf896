"""What one check found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Status(StrEnum):
    """How a check ended. What could not be looked at is unknown, and never a pass."""

    PASS = "pass"  # noqa: S105  # a verdict
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """One check's result.

    Args:
        check: what was looked at: "instance types", "quotas"...
        subject: the very thing: a type, a quota, a name.
        region: where; "" for what is global.
        status: the verdict.
        detail: what AWS answered, or why it could not be asked.
        next_step: what to do about it; "" for a pass.
    """

    check: str
    subject: str
    region: str
    status: Status
    detail: str
    next_step: str = ""


@dataclass(frozen=True)
class Report:
    """All findings for a phase.

    Args:
        phase: its id.
        account: the AWS account that answered.
        identity: ARN of who asked.
        findings: failures first, then what is unknown, then passes.
    """

    phase: str
    account: str
    identity: str
    findings: tuple[Finding, ...]

    @classmethod
    def of(cls, phase: str, account: str, identity: str, findings: Iterable[Finding]) -> Report:
        order = (Status.FAIL, Status.UNKNOWN, Status.PASS)
        ranked = sorted(
            findings, key=lambda one: (order.index(one.status), one.check, one.region, one.subject)
        )
        return cls(phase, account, identity, tuple(ranked))

    def count(self, status: Status) -> int:
        return sum(finding.status is status for finding in self.findings)
