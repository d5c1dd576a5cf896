"""The report's reckoning and its page, without evaluating any stack."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.report.checklist import Tick, checklist
from infra.report.economics import climbs, measured_capacity
from infra.report.facts import Gathered, PhasePlan
from infra.report.gathering import days_of, read_store
from infra.report.page import contents, render
from infra.report.success import success
from infra.report.words import current_row, headline
from monitor.forecast import ForecastStatus, forecast
from monitor.judging import judge
from monitor.phases import load_phase, load_roadmap
from monitor.snapshot import parse_snapshot
from monitor.store.history import History
from monitor.store.opening import open_store
from monitor.workload import Workload

if TYPE_CHECKING:
    from pathlib import Path

_BUSY = {
    "p95_ms": 240,
    "concurrent_users": 620,
    "database_size_bytes": 1.4e9,
    "error_rate_percent": 0.2,
    "writes_per_second": 120,
    "requests_per_second": 210,
}


_ROADMAP = load_roadmap()


def gathered(metrics: dict[str, Any] | None = None, phase: str = "phase-1", **changes: Any) -> Gathered:
    document = {"phase": phase, "metrics": _BUSY if metrics is None else metrics}
    plans = zip(_ROADMAP, (80.0, 680.0, 2140.0), strict=True)
    whole = Gathered(
        taken_at=1.8e9,
        source="a snapshot",
        live=False,
        exposition=None,
        assessment=judge(parse_snapshot(json.dumps(document))),
        database="sqlite",
        journal_mode="rollback",
        cache_seen=None,
        history={},
        forecasts=(),
        baselines=None,
        roadmap=tuple(PhasePlan(one, usd, {"Compute": usd}, True, {}) for one, usd in plans),
    )
    return replace(whole, **changes)


def page(of: Gathered, title: str = "Report") -> str:
    return render(contents(of, title, None, None))


def ticks(of: Gathered) -> dict[str, Tick]:
    return {item.title: item.tick for stage in checklist(of) for item in stage.items}


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def tags(text: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = _Tags()
    parser.feed(text)
    return parser.found


def test_the_measured_value_stands_in_its_cell_of_the_matrix() -> None:
    text = page(gathered())
    cells = re.findall(r'<td class="here is-(\w+)">(.*?)</td>', text.replace("<br>", " "))
    assert ("plan", "500 to 1,000 now 620") in cells
    assert ("urgent", "above 100/s now 120/s") in cells
    assert len(re.findall(r'class="here is-', text)) == 5


def test_what_was_not_measured_is_called_unknown_and_never_zero() -> None:
    of = gathered({}, database=None, journal_mode=None)
    text = page(of)
    assert 'class="here is-' not in text
    assert "Score: <strong>unknown</strong>" in text
    assert "There is no decision yet" in text
    assert measured_capacity(of) is None
    assert ticks(of)["Implement SQLite WAL mode"] is Tick.UNKNOWN


def test_the_file_asks_for_nothing_and_its_policy_allows_its_own_style_only() -> None:
    text = page(gathered())
    found = tags(text)
    assert not [tag for tag, _ in found if tag in ("script", "link", "img", "iframe", "object", "form")]
    for _, attributes in found:
        assert not {"src", "style", "srcset", "onclick", "onload"} & attributes.keys()
        assert (attributes.get("href") or "#").startswith("#")
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert style
    assert "url(" not in style[1]
    assert "@import" not in style[1]
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = next(a["content"] for t, a in found if t == "meta" and a.get("http-equiv"))
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def test_markup_from_outside_is_shown_as_text() -> None:
    evil = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
    of = gathered({"p95_ms": {"value": None, "note": evil}}, source=evil)
    text = page(of, title=evil)
    assert "<script" not in text
    assert "<img" not in text
    assert "&lt;script&gt;" in text


def test_every_chart_has_a_name_and_every_link_a_target() -> None:
    found = tags(page(gathered()))
    charts = [attributes for tag, attributes in found if tag == "svg"]
    assert charts
    assert all(attributes.get("role") == "img" and attributes.get("aria-label") for attributes in charts)
    ids = {attributes["id"] for _, attributes in found if "id" in attributes}
    linked = {attributes["href"] for tag, attributes in found if tag == "a"}
    assert {str(one)[1:] for one in linked} <= {str(one) for one in ids}
    assert len(linked) == 13


_CALM = gathered()


@given(
    st.floats(1, 1e4),
    st.floats(1, 1e5),
    st.floats(0.01, 50),
)
def test_at_break_even_both_phases_cost_a_user_the_same(now: float, then: float, value: float) -> None:
    plans = (replace(_CALM.roadmap[0], monthly_usd=now), replace(_CALM.roadmap[1], monthly_usd=then))
    (climb,) = climbs(replace(_CALM, roadmap=plans), value)
    assert climb.cheaper_from is not None
    assert then / climb.cheaper_from == pytest.approx(now / 1000)
    assert climb.capacity_factor == 10
    assert climb.pays_from is not None
    earned = (climb.pays_from - 1000) * value
    assert earned == pytest.approx(max(then - now + 1000 / 12, 0), rel=1e-3, abs=0.02)
    assert climb.needed_from == 2000


def test_a_plan_without_a_cost_leaves_the_break_even_unknown() -> None:
    of = gathered()
    plans = (replace(of.roadmap[0], monthly_usd=None, problem="no price"), *of.roadmap[1:])
    first = climbs(replace(of, roadmap=plans))[0]
    assert (first.extra_usd, first.cheaper_from, first.pays_from, first.return_factor) == (None,) * 4
    assert "no price" in page(replace(of, roadmap=plans))


def test_ticks_follow_what_is_there() -> None:
    assert ticks(gathered())["Implement SQLite WAL mode"] is Tick.OPEN
    wal = gathered(journal_mode="wal", live=True, exposition=True, baselines=("spring",))
    assert ticks(wal)["Implement SQLite WAL mode"] is Tick.DONE
    assert ticks(wal)["Scalability monitoring system implemented"] is Tick.DONE
    assert ticks(wal)["Prometheus metrics integration added"] is Tick.DONE
    assert ticks(wal)["Establish performance baselines"] is Tick.DONE
    assert ticks(wal)["Complete PostgreSQL migration"] is Tick.OPEN
    moved = gathered(phase="phase-2", database="postgresql")
    assert ticks(moved)["Complete PostgreSQL migration"] is Tick.DONE
    assert ticks(gathered(database=None))["Complete PostgreSQL migration"] is Tick.UNKNOWN
    assert not [
        title
        for title, tick in ticks(gathered({}, database=None, journal_mode=None)).items()
        if tick is Tick.DONE
    ]


def test_what_a_stack_contains_is_planned_and_not_done() -> None:
    of = gathered()
    plan = replace(of.roadmap[1], resources={"aws:autoscaling/group:Group": 1})
    of = replace(of, roadmap=(of.roadmap[0], plan, of.roadmap[2]))
    assert ticks(of)["Implement auto-scaling"] is Tick.PLANNED
    assert ticks(of)["Set up multi-region deployment"] is Tick.OPEN


def test_success_metrics_use_the_plans_cost_and_say_what_they_rest_on() -> None:
    found = {kpi.id: kpi for kpi in success(gathered())}
    assert found["cost_per_user"].value == pytest.approx(80 / 620)
    assert "phase-1 as planned" in found["cost_per_user"].basis
    assert found["response_time"].status == "missed"
    assert found["availability"].value is None


def test_the_sentence_at_the_top_follows_the_decision() -> None:
    assert headline(gathered()).startswith("Climb to phase-2 (PostgreSQL) now: ")
    calm = dict.fromkeys(("p95_ms", "concurrent_users", "error_rate_percent", "writes_per_second"), 0.5)
    assert headline(gathered({**calm, "database_size_bytes": 1e6})).startswith("Stay: phase-1")
    assert headline(gathered({**_BUSY, "writes_per_second": 60})).startswith("Plan the climb to phase-2")
    last = gathered({**_BUSY, "p95_ms": 900}, phase="phase-3")
    assert headline(last).startswith("Climb to larger sizes of phase-3 now")


def test_the_workload_row_needs_users_and_an_observed_workload() -> None:
    of = gathered()
    assert current_row(of) is None
    mixed = replace(of.assessment, workload=Workload(0.1, "read-heavy", "default", "x"))
    row = current_row(replace(of, assessment=mixed))
    assert row is not None
    assert (row.workload, row.setting) == ("read-heavy", "Small production")


def test_a_store_gives_the_forecast_and_its_chart(tmp_path: Path) -> None:
    path = tmp_path / "shop.history"
    now = time.time()
    opened = open_store(path)
    clock = {"now": now}
    history = History(opened, now=lambda: clock["now"])
    for hour in range(30 * 24, 0, -6):
        clock["now"] = now - hour * 3600
        size = 4e8 + (30 * 24 - hour) * 3600 * 200.0
        history.append(clock["now"], {"database_size_bytes": size, "score": 90.0})
    history.flush()
    opened.close()
    lines, baselines = read_store(path)
    assert baselines == ()
    days = days_of(lines["database_size_bytes"])
    assert 29 <= len(days) <= 31
    found = forecast("database_size_bytes", days, load_phase("phase-1").thresholds["database_size_bytes"])
    assert found.to_stay.status is ForecastStatus.CROSSES
    of = gathered(history=lines, forecasts=(found,), baselines=baselines)
    text = page(of)
    assert 'class="forecast"' in text
    assert found.text in text
    assert "Score from 90 to 90" in text
