"""The infrastructure's errors."""

from __future__ import annotations

from monitor.errors import OutgrowError


class InfraError(OutgrowError):
    """Planning or deploying a stack failed."""
