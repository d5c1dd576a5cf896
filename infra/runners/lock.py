"""Who holds a stack, since when, and whether that process still lives.

Pulumi's own backends on files and buckets write one lock file a run and delete it at the end: there is no
expiry, and a run that was killed leaves its lock behind for good.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import re
import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

#: How the CLI words a lock: "<url>: created by <user>@<host> (pid <n>) at <RFC 3339>".
_LOCK = re.compile(r"created by (?P<user>.+?)@(?P<host>\S+) \(pid (?P<pid>\d+)\) at (?P<at>\S+)")


@dataclass(frozen=True)
class Lock:
    """A lock on a stack.

    Args:
        user: who started the run that holds it.
        host: where.
        pid: its process there.
        since: when it was taken; None where that cannot be read.
    """

    user: str
    host: str
    pid: int
    since: datetime | None

    @property
    def owner(self) -> str:
        """The words that `--cancel-lock` asks for: one run, not only its user."""
        return f"{self.user}@{self.host}:{self.pid}"

    def describe(self, now: datetime) -> str:
        age = f" since {self.since:%Y-%m-%d %H:%M} UTC, {_ago(now - self.since)}" if self.since else ""
        return f"{self.user}@{self.host} (pid {self.pid}){age}"

    def runs_here(self) -> bool:
        """Whether its process lives on this very host; False for other hosts, of which nothing is known."""
        if self.host != socket.gethostname():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True


def parse_locks(text: str) -> tuple[Lock, ...]:
    """Read the locks out of what the CLI says; empty where it names none, as Pulumi Cloud does."""
    return tuple(
        Lock(found["user"], found["host"], int(found["pid"]), _time(found["at"]))
        for found in _LOCK.finditer(text)
    )


def owner_words(now: datetime) -> str:
    """Say who this process is, in the words `describe_owner` reads."""
    user = str(os.getuid())
    with contextlib.suppress(KeyError, OSError):  # a container's user may have no name
        user = getpass.getuser()
    return f"created by {user}@{socket.gethostname()} (pid {os.getpid()}) at {now:%Y-%m-%dT%H:%M:%SZ}"


def describe_owner(words: str, now: datetime) -> str:
    """Say who holds a lock, and since when."""
    locks = parse_locks(words)
    return "; ".join(lock.describe(now) for lock in locks) or "another process"


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _ago(age: timedelta) -> str:
    seconds = max(0, int(age.total_seconds()))
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size or unit == "second":
            count = seconds // size
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    raise AssertionError  # the last unit always fits
