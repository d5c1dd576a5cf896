"""Baselines: real changes are found, chance is not called one, files survive being anything."""

from __future__ import annotations

import json
import random
import sqlite3
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import monitor.cli
from monitor.baseline_files import BadBaselineName, NoBaseline, load, names, save
from monitor.baselines import MIN_POINTS, Baseline, Verdict, compare, effect_word, mann_whitney
from monitor.store.history import History
from monitor.store.opening import open_store

if TYPE_CHECKING:
    from pathlib import Path

SAMPLES = st.lists(st.floats(0, 1e6), min_size=1, max_size=30)


def around(level: float, count: int = 12, seed: int = 1, spread: float = 0.05) -> list[float]:
    chance = random.Random(seed)
    return [level * (1 + chance.gauss(0, spread)) for _ in range(count)]


def verdict(metric: str, before: list[float], after: list[float]) -> Verdict:
    (change,) = compare({metric: before}, {metric: after})
    return change.verdict


def test_the_rank_test_agrees_with_published_figures() -> None:
    """Two samples that do not overlap: U is 0, and for 8 and 8 the normal approximation gives 0.00094."""
    p, delta = mann_whitney([float(n) for n in range(8)], [float(n) for n in range(10, 18)])
    assert delta == 1
    assert p == pytest.approx(0.00094, rel=0.02)
    assert mann_whitney([5.0] * 9, [5.0] * 9) == (1.0, 0.0)


@given(SAMPLES, SAMPLES)
def test_exchanging_the_samples_turns_the_effect_and_keeps_the_probability(
    one: list[float], other: list[float]
) -> None:
    (p, delta), (q, turned) = mann_whitney(one, other), mann_whitney(other, one)
    assert p == pytest.approx(q)
    assert delta == pytest.approx(-turned)
    assert 0 <= p <= 1
    assert -1 <= delta <= 1


@pytest.mark.parametrize(
    ("metric", "before", "after", "expected"),
    [
        ("p95_ms", 100, 150, Verdict.WORSE),
        ("p95_ms", 150, 100, Verdict.BETTER),
        ("p95_ms", 100, 100, Verdict.SAME),
        ("score", 90, 70, Verdict.WORSE),
        ("score", 70, 90, Verdict.BETTER),
        ("requests_per_second", 100, 150, Verdict.MORE),
        ("concurrent_users", 150, 100, Verdict.LESS),
    ],
)
def test_a_change_gets_its_word(metric: str, before: float, after: float, expected: Verdict) -> None:
    assert verdict(metric, around(before, seed=1), around(after, seed=2)) is expected


def test_a_sure_but_tiny_change_is_none() -> None:
    assert verdict("p95_ms", around(100, 100, 1, 0.001), around(101, 100, 2, 0.001)) is Verdict.SAME


def test_too_few_points_are_not_enough_data() -> None:
    assert verdict("p95_ms", around(100, MIN_POINTS - 1), around(900, 50)) is Verdict.NOT_ENOUGH_DATA
    (gone,) = compare({"p95_ms": around(100)}, {})
    assert (gone.verdict, gone.after, gone.p_value) == (Verdict.NOT_ENOUGH_DATA, None, None)


def test_chance_is_called_a_change_in_one_comparison_of_twenty_at_most() -> None:
    metrics = ["p95_ms", "error_rate_percent", "cpu_percent", "memory_percent", "average_query_ms", "score"]
    wrong = 0
    for seed in range(200):
        before = {name: around(100, 12, 1000 * seed + rank, 0.3) for rank, name in enumerate(metrics)}
        after = {name: around(100, 12, 1000 * seed + 500 + rank, 0.3) for rank, name in enumerate(metrics)}
        wrong += any(change.verdict is not Verdict.SAME for change in compare(before, after))
    assert wrong / 200 <= 0.075


def test_effects_have_words() -> None:
    assert [effect_word(delta) for delta in (0.1, -0.2, 0.4, -0.9)] == [
        "negligible",
        "small",
        "medium",
        "large",
    ]


# --- Files ---


def test_a_baseline_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    kept = Baseline("v1.2", 1000.0, 3600.0, 300, "x", {"p95_ms": (1.0, 2.5)})
    save(tmp_path / "deep", kept)
    assert load(tmp_path / "deep", "v1.2") == kept
    assert names(tmp_path / "deep") == ["v1.2"]


@pytest.mark.parametrize("name", ["", "../evil", "a/b", ".hidden", "x" * 65, "a b"])
def test_a_name_that_is_no_files_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadBaselineName):
        load(tmp_path, name)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"values": 1}', "\x00"])
def test_a_file_that_is_no_baseline_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(NoBaseline):
        load(tmp_path, "bad")
    with pytest.raises(NoBaseline, match="no baseline missing"):
        load(tmp_path, "missing")


# --- The commands, over a store ---


def store(path: Path, p95: float, seed: int) -> Path:
    path.unlink(missing_ok=True)
    history = History(open_store(path))
    chance = random.Random(seed)
    now = time.time()
    for number in range(720):
        history.append(
            now - 5 * (720 - number),
            {"p95_ms": p95 * (1 + chance.gauss(0, 0.05)), "requests_per_second": 50.0, "score": 90.0},
        )
    history.close()
    return path


def run(*arguments: str) -> Any:
    import typer

    app = typer.Typer()
    monitor.cli.register(app)
    return CliRunner().invoke(app, ["monitor", "baseline", *arguments])


def test_save_list_show_and_compare(tmp_path: Path) -> None:
    folder = ("--dir", str(tmp_path / "kept"))
    file = str(store(tmp_path / "shop.history", 120, 1))
    assert run("save", "before", "--store", file, *folder).exit_code == 0
    assert [one["name"] for one in json.loads(run("list", "--json", *folder).stdout)] == ["before"]
    shown = json.loads(run("show", "before", "--json", *folder).stdout)
    assert len(shown["values"]["p95_ms"]) >= MIN_POINTS
    same = run("compare", "before", "--store", file, "--check", *folder)
    assert (same.exit_code, "worse" in same.stdout) == (0, False)
    store(tmp_path / "shop.history", 300, 2)
    result = run("compare", "before", "--store", file, "--json", "--check", *folder)
    assert result.exit_code == 3
    changes = {one["metric"]: one for one in json.loads(result.stdout)["changes"]}
    assert changes["p95_ms"]["verdict"] == "worse"
    assert changes["p95_ms"]["effect_word"] == "large"
    assert changes["p95_ms"]["percent"] == pytest.approx(150, rel=0.1)
    assert changes["score"]["verdict"] == changes["requests_per_second"]["verdict"] == "no change"
    text = run("compare", "before", "--store", file, *folder).stdout
    assert all(len(line) <= 80 for line in text.splitlines())


def test_one_history_must_be_named_and_must_be_a_store(tmp_path: Path) -> None:
    other = tmp_path / "application.db"
    connection = sqlite3.connect(other)
    connection.execute("create table t (x)")
    connection.close()
    for options in ((), ("--store", str(tmp_path / "missing")), ("--store", str(other))):
        result = run("save", "x", "--dir", str(tmp_path), *options)
        assert result.exception is not None
        assert result.exit_code != 0
