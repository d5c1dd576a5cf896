"""Carries out a promotion in a process that a test can kill: `python promoter.py COMMAND FOLDER`.

FOLDER holds what the test prepared: the plan and the stack (real, but evaluated once for all tests); the
target's connection string is in the environment. Each notice is one line on standard output.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from shop import Shop

from infra.runners.rehearsal import RehearsalRunner
from migration.promotion import promote as promotions
from migration.promotion.assessment_source import HeldAssessment
from migration.promotion.plan import PromotionPlan
from migration.promotion.policy import GatePolicy
from monitor.errors import OutgrowError

if TYPE_CHECKING:
    from migration.promotion.progress import Notice


def say(notice: Notice) -> None:
    print(notice.kind, notice.step, notice.text, flush=True)


def main(command: str, folder: Path) -> None:
    given = json.loads((folder / "given.json").read_text())
    plan = PromotionPlan.from_json(given["plan"])
    graph = pickle.loads(Path(given["graph"]).read_bytes())
    common = {
        "application": Shop(folder, Path(plan.source), stops=given["stops"]),
        "runner": RehearsalRunner(folder / "state.json", evaluate_phase=lambda *_, **__: graph),
        "journal": folder / "journal",
        "dsn": os.environ["TARGET"],
        "progress": say,
    }
    if command == "promote":
        policy = GatePolicy(
            lambda: HeldAssessment("phase-1", "urgent", "urgent", 900.0, time.time()), approve_as="Ada"
        )
        print("state", promotions.promote(plan, policy=policy, **common).state.value, flush=True)
    else:
        print("state", getattr(promotions, command)(**common).state.value, flush=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1], Path(sys.argv[2]))
    except OutgrowError as error:
        print("error", type(error).__name__, error, flush=True)
        sys.exit(int(error.exit_code))
