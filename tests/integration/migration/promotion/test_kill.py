"""kill -9 at any moment, then resume: the same end as without, and no write is lost or doubled."""

from __future__ import annotations

import random
import re
import time
from typing import TYPE_CHECKING, Any

import pytest

from migration.promotion import overview
from migration.promotion.errors import NoPromotionError
from migration.promotion.record import State, StepState

if TYPE_CHECKING:
    from collections.abc import Callable

STEPS = ("provision", "prepare", "stop", "fence", "copy", "verify", "switch", "health", "retire")


def run_and_kill(scene: Any, command: str, until: str, wait: float) -> str:
    """Run until a line begins with `until` (or the end), wait a little, kill; the lines that were read."""
    process = scene.process(command)
    lines = ""
    try:
        for line in process.stdout:
            lines += line
            if line.startswith(until):
                break
        time.sleep(wait)
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()
    return lines


def next_command(scene: Any) -> str:
    """What a user would type after a crash."""
    try:
        state = overview.status(scene.journal).state
    except NoPromotionError:
        return "promote"
    return "promote" if state is State.PROPOSED else "resume"


def finish(scene: Any) -> None:
    process = scene.process(next_command(scene))
    output, _ = process.communicate(timeout=60)
    assert re.search(r"^state finished$", output, re.MULTILINE), output
    report = overview.status(scene.journal)
    assert report.audit.broken is None
    assert {step.state for step in report.steps} == {StepState.DONE}
    scene.shop.end()
    scene.assert_promoted()
    assert report.source == str(scene.source)


@pytest.mark.parametrize("seed", range(4))
def test_random_kills_lose_and_double_nothing(make_scene: Callable[..., Any], seed: int) -> None:
    """Two kills a run, at two different steps each; every second shop does not stop when it is told to."""
    chance = random.Random(seed)
    scene = make_scene(stops=seed % 2 == 0)
    scene.shop.start(str(scene.source))
    for step in sorted(chance.sample(STEPS, 2), key=STEPS.index):
        run_and_kill(
            scene, next_command(scene), f"{chance.choice(['begun', 'done'])} {step}", chance.random() * 0.08
        )
    finish(scene)


def test_a_kill_between_the_switch_and_its_record_keeps_what_the_application_wrote_since(scene: Any) -> None:
    run_and_kill(scene, "promote", "begun switch", 0.0)
    scene.shop.switch(scene.dsn)  # as if the command had just done it
    end = time.monotonic() + 10
    while not scene.shop.healthy():
        assert time.monotonic() < end
        time.sleep(0.02)
    assert overview.status(scene.journal).state is State.RUNNING
    finish(scene)
    assert any(row[0] == "w0" for row in scene.in_postgres())


def test_a_kill_while_everything_is_put_back_is_finished_by_resume(scene: Any) -> None:
    scene.shop.start(str(scene.source))
    run_and_kill(scene, "promote", "done copy", 0.0)
    assert scene.fenced
    run_and_kill(scene, "abort", "reverted copy", 0.0)
    assert overview.status(scene.journal).state is State.REVERTING
    output, _ = scene.process("resume").communicate(timeout=60)
    assert "state reverted" in output
    scene.assert_untouched()
    assert scene.shop.runs_on == str(scene.source)


def test_an_abort_after_a_kill_before_the_switch_gives_the_application_its_file_back(scene: Any) -> None:
    scene.shop.start(str(scene.source))
    run_and_kill(scene, "promote", "begun copy", 0.02)
    assert overview.status(scene.journal).carried_out_by is None
    assert scene.abort(by="Ada").state is State.REVERTED
    scene.assert_untouched()
    assert scene.shop.runs_on == str(scene.source)
    assert "w1" in {name for name, _ in scene.shop.acknowledged()} or scene.shop.healthy()
