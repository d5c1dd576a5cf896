"""Judging by the roadmap: finds the phase's limits for a snapshot and assesses it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitor.assessment import Assessment, assess
from monitor.phases import check_profile, load_phase, next_phase

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.snapshot import Snapshot


def judge(snapshot: Snapshot, *, scale: float = 1.0, stacks: Path | None = None) -> Assessment:
    """Assess a snapshot by the limits of its phase and workload profile.

    Args:
        snapshot: what was measured; names phase and profile.
        scale: below 1, limits of load are lowered by this factor for a demonstration.
        stacks: the folder of the stack files; the project's own by default.

    Raises:
        UnknownPhase: there is no such phase.
        UnknownProfile: there is no such workload profile.
        BadStackFile: the phase's stack file cannot be read.
        BadThresholds: the scale is out of range.
    """
    phase = load_phase(snapshot.phase, stacks)
    thresholds = phase.thresholds_for(check_profile(snapshot.profile, phase, stacks))
    if scale != 1:
        thresholds = thresholds.scaled(scale)
    return assess(snapshot, thresholds, next_phase=next_phase(phase.id, stacks))
