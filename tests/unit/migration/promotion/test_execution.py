"""Steps go forward, or back in reverse order; whatever fails, all errors are told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from migration.promotion.errors import RevertFailedError, StepFailedError, StoppedAfterSwitchError
from migration.promotion.execution import go_back, go_forward, past_no_return
from migration.promotion.journal import Journal
from migration.promotion.plan import InfraSummary, MigrationSummary, PlannedTable, PromotionPlan
from migration.promotion.record import State, StepRecord, StepState
from migration.promotion.steps.step import Facts, Step
from migration.promotion.tampering import find_tampering
from migration.promotion.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from migration.promotion.progress import Notice

PLAN = PromotionPlan(
    from_phase="phase-1",
    to_phase="phase-2",
    source="/data/app.db",
    target="postgresql://db.example/shop",
    runner="rehearsal",
    rehearsal=True,
    infra=InfraSummary("c" * 64, 3, (), (), 680.0, 300.0, 800.0),
    migration=MigrationSummary("public", (PlannedTable("users", 3),), (), (), "d" * 64, {"schema": "public"}),
    application={"switch": "start"},
    steps=(),
)
DSN = "postgresql://app:s3cret-word@db.example/shop"


class Idle:
    """An application that is not there: these steps touch files only."""

    def stop(self) -> None: ...

    def switch(self, dsn: str) -> None: ...

    def restore(self) -> None: ...

    def healthy(self) -> bool:
        return True


class Unused:
    """A runner that no step here calls."""

    name = "unused"


class MakeFile(Step):
    """Makes a file, and fails where a file `fail-<name>` lies; its revert fails where `stuck-<name>` lies."""

    does = "make a file"
    undo = "remove it"

    def __init__(self, folder: Path, name: str, *, no_return: bool = False) -> None:
        self.folder = folder
        self.name = name  # type: ignore[misc]  # a class variable of real steps
        self.no_return = no_return  # type: ignore[misc]

    def _log(self, what: str) -> None:
        with (self.folder / "log").open("a") as log:
            log.write(f"{what} {self.name}\n")

    def check(self, world: World) -> Facts | None:
        if (self.folder / f"forbid-{self.name}").exists():
            raise RuntimeError("must not begin")
        return {"found": True} if (self.folder / self.name).exists() else None

    def intend(self, world: World) -> Facts:
        return {"empty": not (self.folder / self.name).exists()}

    def apply(self, world: World, row: StepRecord) -> Facts:
        self._log("apply")
        (self.folder / self.name).write_text("made")
        if (self.folder / f"fail-{self.name}").exists():
            raise RuntimeError(f"cannot make it with {DSN}")
        return {"made": True}

    def revert(self, world: World, row: StepRecord) -> str:
        self._log("revert")
        if (self.folder / f"stuck-{self.name}").exists():
            raise OSError("cannot remove it")
        (self.folder / self.name).unlink(missing_ok=True)
        return "removed"


class Scene:
    def __init__(self, folder: Path, journal: Journal) -> None:
        self.folder = folder
        self.journal = journal
        self.steps = (
            MakeFile(folder, "one"),
            MakeFile(folder, "two"),
            MakeFile(folder, "three", no_return=True),
            MakeFile(folder, "four", no_return=True),
        )
        self.id = journal.propose(
            plan=PLAN.to_json(),
            plan_hash=PLAN.hash,
            source=PLAN.source,
            target=str(PLAN.target),
            runner=PLAN.runner,
            options={},
            steps=tuple(step.name for step in self.steps),
        ).id
        journal.set_state(self.id, State.RUNNING)
        self.notices: list[Notice] = []
        self.world = World(
            plan=PLAN,
            promotion=self.id,
            journal=journal.path,
            dsn=DSN,
            application=Idle(),
            runner=Unused(),  # type: ignore[arg-type]
            recorded=self.row,
            progress=self.notices.append,
        )

    def row(self, name: str) -> StepRecord:
        record = self.journal.latest()
        assert record is not None
        return record.step(name)

    @property
    def state(self) -> State:
        record = self.journal.latest()
        assert record is not None
        return record.state

    @property
    def log(self) -> list[str]:
        path = self.folder / "log"
        return path.read_text().splitlines() if path.exists() else []

    def go(self) -> None:
        go_forward(self.steps, self.world, self.journal)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with Journal.create_or_open(tmp_path / "journal") as journal:
        yield Scene(tmp_path, journal)


def test_every_step_runs_once_in_order(scene: Scene) -> None:
    scene.go()
    assert scene.log == ["apply one", "apply two", "apply three", "apply four"]
    assert scene.state is State.FINISHED
    assert scene.row("two").outcome == {"made": True}
    assert find_tampering(scene.journal) is None


def test_going_forward_again_does_nothing_twice(scene: Scene) -> None:
    scene.go()
    scene.go()
    assert len(scene.log) == 4
    assert [notice.kind for notice in scene.notices[-4:]] == ["skipped"] * 4


def test_a_step_whose_effect_is_there_already_is_not_applied_again(scene: Scene) -> None:
    (scene.folder / "two").write_text("made before the crash")
    scene.journal.write_step(scene.id, replace(scene.row("two"), state=StepState.BEGUN, attempts=1))
    scene.go()
    assert "apply two" not in scene.log
    assert scene.row("two").outcome == {"found": True}


def test_the_intent_of_the_first_attempt_is_kept(scene: Scene) -> None:
    row = replace(scene.row("one"), state=StepState.BEGUN, attempts=1, intent={"empty": True})
    scene.journal.write_step(scene.id, row)
    (scene.folder / "one").write_text("half")
    (scene.folder / "one").unlink()
    scene.go()
    assert (scene.row("one").attempts, scene.row("one").intent) == (2, {"empty": True})


def test_a_failure_before_the_point_of_no_return_puts_everything_back_in_reverse_order(scene: Scene) -> None:
    (scene.folder / "fail-two").touch()
    with pytest.raises(StepFailedError, match="step two failed; everything was put back") as caught:
        scene.go()
    assert scene.log == ["apply one", "apply two", "revert two", "revert one"]
    assert scene.state is State.REVERTED
    assert not (scene.folder / "one").exists()
    assert "cannot make it" in caught.value.why


def test_no_secret_reaches_the_error_the_journal_or_the_progress(scene: Scene) -> None:
    (scene.folder / "fail-two").touch()
    with pytest.raises(StepFailedError) as caught:
        scene.go()
    assert "s3cret-word" not in str(caught.value)
    assert b"s3cret-word" not in scene.journal.path.read_bytes()
    assert not any("s3cret-word" in notice.text for notice in scene.notices)


def test_a_step_that_must_not_begin_reverts_even_at_the_point_of_no_return(scene: Scene) -> None:
    (scene.folder / "forbid-three").touch()
    with pytest.raises(StepFailedError, match="step three failed"):
        scene.go()
    assert scene.log == ["apply one", "apply two", "revert two", "revert one"]
    assert not past_no_return(scene.steps, scene.journal)


def test_a_revert_that_fails_tells_both_errors_and_still_reverts_the_others(scene: Scene) -> None:
    (scene.folder / "fail-two").touch()
    (scene.folder / "stuck-two").touch()
    with pytest.raises(RevertFailedError) as caught:
        scene.go()
    assert "cannot make it" in caught.value.why
    assert "cannot remove it" in caught.value.why
    assert scene.log[-1] == "revert one"
    assert scene.state is State.REVERTING
    assert scene.row("two").state is StepState.REVERT_FAILED
    assert scene.row("one").state is StepState.REVERTED

    (scene.folder / "stuck-two").unlink()
    go_back(scene.steps, scene.world, scene.journal, None)
    assert scene.log[-1] == "revert two"
    assert scene.state is State.REVERTED
    assert not (scene.folder / "two").exists()


def test_a_failure_after_the_point_of_no_return_stops_and_goes_forward_later(scene: Scene) -> None:
    (scene.folder / "fail-three").touch()
    with pytest.raises(StoppedAfterSwitchError, match="after the point of no return") as caught:
        scene.go()
    assert "outgrow promote resume" in caught.value.next_step
    assert not [line for line in scene.log if line.startswith("revert")]
    assert scene.state is State.STOPPED
    assert past_no_return(scene.steps, scene.journal)

    (scene.folder / "fail-three").unlink()
    (scene.folder / "three").unlink()
    scene.go()
    assert scene.state is State.FINISHED
    assert scene.row("three").attempts == 2
    assert (scene.folder / "four").exists()


def test_the_point_of_no_return_is_passed_when_its_intent_is_written(scene: Scene) -> None:
    assert not past_no_return(scene.steps, scene.journal)
    scene.journal.write_step(scene.id, replace(scene.row("three"), state=StepState.BEGUN, attempts=1))
    assert past_no_return(scene.steps, scene.journal)


def test_steps_that_never_began_are_not_reverted(scene: Scene) -> None:
    (scene.folder / "fail-one").touch()
    with pytest.raises(StepFailedError):
        scene.go()
    assert scene.log == ["apply one", "revert one"]
    assert scene.row("two").state is StepState.PENDING


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_interruption_leaves_everything_for_resume(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, kind: type[BaseException]
) -> None:
    def interrupted(*_: object) -> Facts:
        raise kind

    monkeypatch.setattr(scene.steps[1], "apply", interrupted)
    with pytest.raises(kind):
        scene.go()
    assert scene.state is State.RUNNING
    assert scene.row("two").state is StepState.BEGUN
    assert (scene.folder / "one").exists()
