"""The dashboards as files. The same input gives the same bytes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from monitor.dashboards.executive import executive
from monitor.dashboards.operations import operations
from monitor.dashboards.technical import technical

if TYPE_CHECKING:
    from monitor.phases import Phase


def dashboards(phase: Phase) -> tuple[dict[str, Any], ...]:
    """Build the three dashboards by a phase's limits."""
    return executive(phase), technical(phase), operations(phase)


def dashboard_files(phase: Phase) -> dict[str, str]:
    """Return each dashboard's JSON by file name."""
    return {
        f"{built['uid']}.json": json.dumps(built, indent=2, ensure_ascii=False) + "\n"
        for built in dashboards(phase)
    }
