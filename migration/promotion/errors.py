"""What a promotion refuses or fails to do."""

from __future__ import annotations

from migration.errors import MigrationError
from monitor.errors import ExitCode, UsageError


class PromotionError(MigrationError):
    """A promotion was refused or failed."""


class WrongPromotionError(PromotionError, UsageError):
    """What was typed does not describe a promotion, or not the one that the journal holds."""


class NoPromotionError(PromotionError, UsageError):
    """The journal is missing, is not a promotion's, or holds none that the command could act on."""


class PromotionRunningError(PromotionError):
    """Another process carries out a promotion with the same journal."""


class TamperedJournalError(PromotionError):
    """The journal was changed by something other than Outgrow."""


class GateClosedError(PromotionError):
    """A gate said no, or not yet. Nothing was changed."""

    exit_code = ExitCode.GATE_CLOSED


class StaleApprovalError(PromotionError):
    """An approval names another plan than the one at hand."""

    exit_code = ExitCode.GATE_CLOSED


class FenceError(PromotionError):
    """The source could not be fenced, is fenced by another promotion, or its fence was damaged."""


class HookError(PromotionError):
    """A command that stops, switches or restores the application failed."""


class NotHealthyError(PromotionError):
    """The application did not answer well in time."""


class StepFailedError(PromotionError):
    """A step failed before the switch; everything was put back."""


class RevertFailedError(PromotionError):
    """A step failed before the switch, and putting things back failed too. Both are told."""


class StoppedAfterSwitchError(PromotionError):
    """A step failed after the point of no return; the only way is forward."""


class PastNoReturnError(PromotionError):
    """Going back was asked for after the application may have written to the target."""


class BadAssessmentError(PromotionError):
    """An assessment could not be fetched or read."""
