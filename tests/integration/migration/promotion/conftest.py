"""A shop that can be promoted, on a real PostgreSQL, with a stack that is evaluated once for all tests."""

from __future__ import annotations

import importlib.util
import json
import os
import pickle
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from infra.changes import changes_between
from infra.evaluation import evaluate
from infra.plan import Plan, plan_of
from infra.runners.rehearsal import RehearsalRunner
from infra.settings import load_settings
from migration.promotion import promote as promotions
from migration.promotion.assessment_source import HeldAssessment
from migration.promotion.fence import read_fence
from migration.promotion.planning import PromotionRequest, plan_promotion
from migration.promotion.policy import GatePolicy
from migration.promotion.world import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.graph import Graph
    from migration.promotion.plan import PromotionPlan
    from migration.promotion.progress import Notice
    from migration.promotion.report import PromotionReport

HERE = Path(__file__).parent


def _load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


shop_module = _load("shop")


@dataclass(frozen=True)
class Stack:
    """phase-2 as the real program declares it, its plan, and a part of it that is deployed more quickly."""

    graph: Graph
    part: Graph
    plan: Plan
    pickled: Path


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Stack:
    graph = evaluate("phase-2")
    path = tmp_path_factory.mktemp("stack") / "graph"
    part = replace(
        graph, resources=graph.resources[:25]
    )  # dependencies come first, so this part stands alone
    path.write_bytes(pickle.dumps(part))
    return Stack(
        graph, part, plan_of(load_settings("phase-2"), graph, changes_between({}, graph.resources)), path
    )


def urgent() -> HeldAssessment:
    """What the monitor would say of a phase that was outgrown a while ago."""
    return HeldAssessment("phase-1", "urgent", "urgent", 900.0, time.time())


@dataclass
class Scene:
    """A shop with its file, an empty target, and everything a promotion of it needs."""

    folder: Path
    dsn: str
    stack: Stack
    graph: Graph
    stops: bool = True
    notices: list[Notice] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.source = self.folder / "app.db"
        shop_module.make_database(self.source)
        self.shop = shop_module.Shop(self.folder, self.source, stops=self.stops)

    @property
    def journal(self) -> Path:
        return self.folder / "journal"

    @property
    def state(self) -> Path:
        return self.folder / "state.json"

    def plan(self, **changes: Any) -> PromotionPlan:
        plan = plan_promotion(PromotionRequest("phase-2", self.source, self.dsn), lambda _: self.stack.plan)
        return replace(plan, **changes)

    def runner(self, **options: Any) -> RehearsalRunner:
        return RehearsalRunner(self.state, evaluate_phase=lambda *_, **__: self.graph, **options)

    def _common(self) -> dict[str, Any]:
        return {
            "application": self.shop,
            "runner": self.runner(),
            "journal": self.journal,
            "dsn": self.dsn,
            "progress": self.notices.append,
        }

    @property
    def policy(self) -> GatePolicy:
        """Gates that open: the monitor calls for the climb, and Ada approves."""
        return GatePolicy(urgent, approve_as="Ada")

    def promote(self, plan: PromotionPlan | None = None, **options: Any) -> PromotionReport:
        given = {
            **self._common(),
            "policy": self.policy,
            "limits": Limits(fence=10, target=10, health=5, poll=0.05),
            **options,
        }
        return promotions.promote(plan or self.plan(), **given)

    def resume(self, **options: Any) -> PromotionReport:
        return promotions.resume(**{**self._common(), **options})

    def abort(self, **options: Any) -> PromotionReport:
        return promotions.abort(**{**self._common(), **options})

    def process(self, command: str) -> subprocess.Popen[str]:
        """The same in a process that can be killed; its notices come as lines."""
        given = {"plan": self.plan().to_json(), "graph": str(self.stack.pickled), "stops": self.stops}
        (self.folder / "given.json").write_text(json.dumps(given))
        return subprocess.Popen(
            [sys.executable, str(HERE / "promoter.py"), command, str(self.folder)],
            env={**os.environ, "TARGET": self.dsn},
            stdout=subprocess.PIPE,
            text=True,
        )

    def in_sqlite(self) -> list[tuple[Any, ...]]:
        import sqlite3

        with closing(sqlite3.connect(f"file:{self.source}?mode=ro", uri=True)) as connection:
            return connection.execute("SELECT writer, n, customer, body FROM events ORDER BY 1, 2").fetchall()

    def in_postgres(self) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn) as connection:
            return connection.execute(
                'SELECT writer, n, customer, body FROM events ORDER BY writer COLLATE "C", n'
            ).fetchall()

    def tables_in_postgres(self) -> list[str]:
        with psycopg.connect(self.dsn) as connection:
            rows = connection.execute(
                "SELECT n.nspname || '.' || c.relname"
                " FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace"
                " WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1"
            ).fetchall()
        return [row[0] for row in rows]

    @property
    def fenced(self) -> bool:
        return read_fence(self.source).present

    def assert_untouched(self) -> None:
        """No trace of a promotion in the file, the target, the stack's state or the application."""
        assert not self.fenced
        assert self.tables_in_postgres() == []
        assert not (self.folder / "switches").exists()

    def assert_promoted(self) -> None:
        """Whatever any writer was told is committed is in PostgreSQL, once; so is the whole file."""
        rows = self.in_postgres()
        keys = [(row[0], row[1]) for row in rows]
        assert len(keys) == len(set(keys))
        missing = self.shop.acknowledged() - set(keys)
        assert not missing, f"{len(missing)} acknowledged writes are lost: {sorted(missing)[:5]}"
        source = self.in_sqlite()
        assert set(source) <= set(rows)
        moved = {row[0] for row in source}
        assert [row for row in rows if row[0] in moved] == source
        assert self.fenced


@pytest.fixture
def make_scene(tmp_path: Path, database: str, stack: Stack) -> Iterator[Any]:
    """Makes a scene; ends its shop afterwards."""
    made: list[Scene] = []

    def make(*, graph: Graph | None = None, stops: bool = True, dsn: str | None = None) -> Scene:
        made.append(Scene(tmp_path, dsn or database, stack, graph or stack.part, stops))
        return made[-1]

    yield make
    for scene in made:
        scene.shop.end()


@pytest.fixture
def scene(make_scene: Any) -> Scene:
    found: Scene = make_scene()
    return found
