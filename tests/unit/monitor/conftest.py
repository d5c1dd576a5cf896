"""Laws are tested without a time limit per example: a busy machine is not a broken law."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("monitor", deadline=None)
settings.load_profile("monitor")
