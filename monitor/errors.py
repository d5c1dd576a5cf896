"""The root of Outgrow's errors, and the monitor's own tree.

An error says what failed, why, and what to type next; the command line prints these three and exits with
`exit_code`.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What every command's exit status means."""

    DONE = 0
    FAILED = 1
    WRONG_USAGE = 2
    DIFFERS = 3  # done, but something was rejected or differs
    GATE_CLOSED = 4  # a gate said no, or not yet


class OutgrowError(Exception):
    """Anything Outgrow refuses or fails to do.

    Args:
        what: what failed, in one line and without a trailing full stop.
        why: the cause, as the user can check it.
        next_step: the next command to type, or the next thing to do.
    """

    exit_code: ExitCode = ExitCode.FAILED

    def __init__(self, what: str, *, why: str = "", next_step: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.next_step = next_step

    def __str__(self) -> str:
        parts = [self.what]
        if self.why:
            parts.append(f"because {self.why}")
        if self.next_step:
            parts.append(f"next: {self.next_step}")
        return "; ".join(parts)


class MonitorError(OutgrowError):
    """Measuring or judging failed."""


class UsageError(OutgrowError):
    """Input that cannot be used as given."""

    exit_code = ExitCode.WRONG_USAGE
