"""What can go wrong with the example applications."""

from __future__ import annotations

from monitor.errors import OutgrowError, UsageError


class ShopError(OutgrowError):
    """An example shop cannot be prepared, seeded or kept running."""


class ShopRefused(ShopError, UsageError):
    """The shop does not accept what it was started with: a port in use, a database without its tables."""


class ShopDied(ShopError):
    """A running shop ended by itself."""


class NodeUnusable(ShopError):
    """Node is missing or too old, or its packages cannot be installed or built."""


class DemoError(OutgrowError):
    """The demo could not go on, or what it showed was not what it promised."""
