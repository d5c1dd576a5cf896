"""The sustained-threshold gate reads a running sidecar as it really answers."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from migration.promotion.assessment_source import from_monitor
from migration.promotion.errors import BadAssessmentError
from migration.promotion.gates import Verdict
from migration.promotion.record import State

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def sidecar(scene: Any) -> Iterator[str]:
    """`outgrow monitor serve` beside the shop, behind a token, on a free port."""
    command = [sys.executable, "-m", "outgrow", "monitor", "serve", f"--database={scene.source}"]
    process = subprocess.Popen(
        [*command, "--listen=127.0.0.1:0", "--interval=0.2", "--token-env=MONITOR_TOKEN"],
        env={"MONITOR_TOKEN": "open-sesame-1234", "PATH": "", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        url = ""
        for line in process.stdout:
            found = re.search(r"http://127\.0\.0\.1:\d+", line)
            if found:
                url = found.group()
                break
        assert url
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


def test_a_monitor_that_has_seen_no_traffic_defers_the_promotion(scene: Any, sidecar: str) -> None:
    held = from_monitor(sidecar, "open-sesame-1234")
    assert (held.phase, held.decision, held.scale) == ("phase-1", "unknown", 1.0)
    policy = replace(scene.policy, read_assessment=lambda: from_monitor(sidecar, "open-sesame-1234"))
    report = scene.promote(policy=policy)
    assert report.state is State.PROPOSED
    gate = report.gates[0]
    assert gate.verdict is Verdict.DEFER
    assert "does not know enough" in gate.reason
    scene.assert_untouched()


def test_a_wrong_token_is_told_without_repeating_it(sidecar: str) -> None:
    with pytest.raises(BadAssessmentError, match="status 401") as caught:
        from_monitor(sidecar, "wrong-guess-5678")
    assert "--monitor-token-env" in caught.value.next_step
    assert "wrong-guess-5678" not in str(caught.value)
