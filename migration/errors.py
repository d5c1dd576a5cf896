"""The migration's errors. Every one says what failed, why, and what to type next."""

from __future__ import annotations

from monitor.errors import OutgrowError, UsageError


class MigrationError(OutgrowError):
    """Reading, moving, verifying or promoting failed."""


class SourceRefusedError(MigrationError, UsageError):
    """The file given as source is not a SQLite database that can be read from start to end."""


class SourceBusyError(MigrationError):
    """Another program holds the source in a way that allows no consistent reading."""


class OptionRefusedError(MigrationError, UsageError):
    """An option, or a rule of the user's, names nothing in the file or cannot be carried out."""


class RulesRefusedError(OptionRefusedError):
    """The user's rules file is wrong; the message names the line."""


class DsnError(MigrationError, UsageError):
    """The connection string cannot be read. Its text is never repeated: it may hold a password."""


class TargetUnreachableError(MigrationError):
    """PostgreSQL does not answer, or does not let this user in."""


class TargetRefusedError(MigrationError):
    """The target cannot take this migration: rights, version, encoding, or other data in the way."""


class TargetLostError(MigrationError):
    """PostgreSQL went away in the middle of the work; what was committed is kept and a resume continues."""


class JournalRefusedError(MigrationError, UsageError):
    """The journal belongs to another migration, or is not a journal."""


class JournalFailedError(MigrationError):
    """The journal cannot be written any more; what was committed to the target is kept."""


class AlreadyRunningError(MigrationError):
    """Another process is carrying out the same migration at this moment."""


class StatementRefusedError(MigrationError):
    """PostgreSQL refused a statement that the migration cannot go on without."""


class StoppedError(MigrationError):
    """A step was stopped because another one had failed."""


class TooManyRejectsError(MigrationError):
    """So many rows of a table cannot be stored that its plan must be wrong."""
