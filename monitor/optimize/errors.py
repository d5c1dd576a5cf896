"""What `outgrow optimize` refuses or cannot do."""

from __future__ import annotations

from monitor.errors import ExitCode, MonitorError, UsageError


class NotOptimizable(MonitorError, UsageError):
    """The file is not a SQLite database that can be looked at."""


class BadQueryLog(MonitorError, UsageError):
    """The file of queries cannot be read as one."""


class DatabaseBusy(MonitorError):
    """Another process holds, or keeps taking, a lock that is needed; nothing was changed."""

    exit_code = ExitCode.GATE_CLOSED


class NoRoom(MonitorError):
    """The disk cannot hold the copy."""


class BackupFailed(MonitorError):
    """The backup is not a faithful copy; nothing was changed."""


class Overtaken(MonitorError):
    """The schema changed between looking and applying; nothing was changed."""

    exit_code = ExitCode.GATE_CLOSED
