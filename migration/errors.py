"""The migration's errors."""

from __future__ import annotations

from monitor.errors import OutgrowError


class MigrationError(OutgrowError):
    """Reading, moving, verifying or promoting failed."""
