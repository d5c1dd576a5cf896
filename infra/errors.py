"""The infrastructure's errors."""

from __future__ import annotations

from monitor.errors import ExitCode, OutgrowError


class InfraError(OutgrowError):
    """Planning or deploying a stack failed."""


class ProgramFailed(InfraError):  # read as sentences, as below: raise ProgramFailed
    """The Pulumi program raised, or asked for what cannot be."""


class OverBudget(InfraError):
    """A plan costs more than its phase may."""

    exit_code = ExitCode.GATE_CLOSED


class PolicyBroken(InfraError):
    """A plan breaks mandatory rules of the policy pack."""

    exit_code = ExitCode.GATE_CLOSED


class WrongPicture(InfraError):
    """A picture that cannot be drawn there."""

    exit_code = ExitCode.WRONG_USAGE


class ProtectedResource(InfraError):
    """A change would delete or replace a resource that is protected."""

    exit_code = ExitCode.GATE_CLOSED


class UpdateInProgress(InfraError):
    """Another update of the same stack is under way."""

    exit_code = ExitCode.GATE_CLOSED


class InterruptedUpdate(InfraError):
    """An earlier update was cut off while it created something; a person has to look."""

    exit_code = ExitCode.GATE_CLOSED


class NotDeployed(InfraError):
    """There is no such stack yet."""


class PulumiMissing(InfraError):
    """The Pulumi command is not on this machine, or too old."""
