"""Merging workers: as one worker that saw everything, through restarts, deaths, repeats and late arrivals."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from monitor.middleware import buckets, recorder
from monitor.middleware.clients import client_hash, register_and_rank
from monitor.serve.active_clients import ActiveClients, ClientCount
from monitor.serve.counters import Counters, QueryCounts, RouteCounts, StatementCounts
from monitor.serve.push import Clients, PushDocument
from monitor.serve.salt import DailySalt
from monitor.serve.traffic import MIN_REQUESTS, response_times, traffic
from monitor.serve.workers import DEAD_AFTER_S, Workers

VECTORS: Any = json.loads((Path(buckets.__file__).parent / "vectors.json").read_text(encoding="utf-8"))
COMPLETE = VECTORS["push"]["document"]
DAY = VECTORS["push"]["answer"]["salt_id"]


class Clock:
    """A clock that stands still until moved; both the monotonic and the wall one."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class App:
    """Workers of one application and the sidecar's view of them."""

    def __init__(self, window_s: float = 3600) -> None:
        self.clock = Clock()
        self.workers = Workers(window_s, clock=self.clock, wall=self.clock)

    def start(self, name: str = "w1") -> OneWorker:
        return OneWorker(self, name)


class OneWorker:
    """A real recorder whose documents get a start time of our clock."""

    def __init__(self, app: App, name: str) -> None:
        self._app = app
        self._recorder = recorder.Recorder(worker=name)
        self._start = app.clock.now

    def serve(self, count: int = 1, status: int = 200, seconds: float = 0.1, route: str = "/") -> None:
        for _ in range(count):
            self._recorder.started()
            self._recorder.finished("GET", route, status=status, seconds=seconds, client=("192.0.2.1", ""))

    def query(self, seconds: float) -> None:
        self._recorder.query(seconds)

    def document(self) -> PushDocument:
        document = {**self._recorder.document(), "start_time": self._start, "instance": "host"}
        return PushDocument.model_validate_json(json.dumps(document))

    def push(self) -> None:
        self._app.workers.push(self.document())


def test_the_complete_document_of_the_vectors_is_read() -> None:
    document = PushDocument.model_validate_json(json.dumps(COMPLETE))
    counters = document.counters()
    assert counters.finished == 160
    assert counters.failed == 3
    assert counters.routes["POST /orders"] == RouteCounts(36, 2, 8.8)
    assert counters.queries == QueryCounts(410, 2.05, 3, 1, {351: 400, 500: 10})
    assert list(counters.statements.values()) == [StatementCounts(3, 0.61, 0.25)]
    assert document.event_loop is not None
    assert document.event_loop.delay_p99_ms == 12.5


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("version",), 2),
        (("instance",), ""),
        (("instance",), "x" * 201),
        (("start_time",), -1),
        (("seq",), -1),
        (("requests", "by_class"), {"9xx": 1}),
        (("requests", "by_class"), {"2xx": -1}),
        (("requests", "by_class"), {"2xx": 1.5}),
        (("requests", "aborted"), None),
        (("latency", "buckets"), {"1017": 1}),
        (("latency", "buckets"), {"-1": 1}),
        (("latency", "buckets"), {"fast": 1}),
        (("latency", "buckets"), {"5": 1 << 54}),
        (("latency", "sum_seconds"), "NaN"),
        (("routes",), {f"GET /{number}": COMPLETE["routes"]["POST /orders"] for number in range(1001)}),
        (("routes",), {"GET /" + "x" * 300: COMPLETE["routes"]["POST /orders"]}),
        (("clients", "registers"), "AAAA"),
        (("clients", "registers"), "no base64!"),
        (("clients", "registers"), base64.b64encode(bytes([54]) * 4096).decode()),
        (("clients", "window_seconds"), 0),
        (("event_loop", "utilization"), 1.5),
    ],
)
def test_a_document_that_is_none_is_refused(path: tuple[str, ...], value: Any) -> None:
    document = json.loads(json.dumps(COMPLETE))
    place = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(ValidationError):
        PushDocument.model_validate_json(json.dumps(document))


@pytest.mark.parametrize("key", ["clients", "queries", "event_loop"])
def test_optional_parts_may_be_null_or_absent(key: str) -> None:
    PushDocument.model_validate_json(json.dumps({**COMPLETE, key: None}))
    PushDocument.model_validate_json(
        json.dumps({name: part for name, part in COMPLETE.items() if name != key})
    )


# --- Totals ---


def test_p8_two_workers_are_as_one_that_saw_everything() -> None:
    app, alone = App(), App()
    one, other, single = app.start("w1"), app.start("w2"), alone.start()
    for worker, seconds in ((one, 0.125), (other, 0.5)):  # sums of these are exact
        worker.serve(30, seconds=seconds)
        single.serve(30, seconds=seconds)
        worker.query(0.25)
        single.query(0.25)
    for worker in (one, other, single):
        worker.push()
    assert app.workers.total() == alone.workers.total()
    assert app.workers.window(300).counters == alone.workers.window(300).counters


def test_pushing_often_or_seldom_counts_the_same() -> None:
    often, seldom = App(), App()
    one, other = often.start(), seldom.start()
    for number in range(20):
        for worker in (one, other):
            worker.serve(number, seconds=number / 100)
        one.push()
        often.clock.now += 5
        seldom.clock.now += 5
    other.push()
    assert often.workers.total().buckets == seldom.workers.total().buckets
    assert often.workers.total().finished == sum(range(20))


def test_a_repeated_or_overtaken_document_adds_nothing() -> None:
    app = App()
    worker = app.start()
    worker.serve(5)
    first = worker.document()
    worker.serve(5)
    second = worker.document()
    for document in (second, second, first, second):
        app.workers.push(document)
    assert app.workers.total().finished == 10


def test_a_restarted_worker_never_lowers_a_count() -> None:
    app = App()
    before = app.start()
    before.serve(100)
    before.push()
    app.clock.now += 10
    after = app.start()
    after.serve(3)
    after.push()
    assert app.workers.total().finished == 103
    after.serve(1)
    after.push()
    assert app.workers.total().finished == 104


def test_a_dead_workers_counts_stay_and_its_gauges_go() -> None:
    app = App()
    dead, alive = app.start("w1"), app.start("w2")
    dead.serve(10)
    dead.push()
    alive.push()
    app.clock.now += DEAD_AFTER_S + 1
    alive.push()
    assert [worker.document.worker for worker in app.workers.live()] == ["w2"]
    assert app.workers.total().finished == 10


def test_a_worker_that_only_paused_is_not_counted_twice() -> None:
    app = App()
    worker = app.start()
    worker.serve(10)
    worker.push()
    app.clock.now += 10 * DEAD_AFTER_S
    assert app.workers.live() == ()
    worker.serve(1)
    worker.push()
    assert app.workers.total().finished == 11


def test_a_counter_that_falls_without_a_restart_counts_as_one() -> None:
    app = App()
    one, other = app.start(), app.start()
    one.serve(50)
    one.push()
    other.push()
    other.serve(2)
    other.document()
    other.push()
    assert app.workers.total().finished == 52


def test_routes_of_all_workers_together_keep_the_cap() -> None:
    app = App()
    for number in range(3):
        worker = app.start(f"w{number}")
        for route in range(300):
            worker.serve(route=f"/{number}/{route}")
        worker.push()
    routes = app.workers.total().routes
    assert len(routes) == recorder.ROUTE_CAP + 1
    assert sum(counts.count for counts in routes.values()) == 900
    assert routes[recorder.OVERFLOW].count == 400


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5), st.booleans()), max_size=40))
def test_totals_are_exact_and_never_fall_whatever_workers_do(steps: list[tuple[int, int, bool]]) -> None:
    """Each step: which worker, how many requests it serves before it pushes, whether it restarts first."""
    app = App()
    running = {number: app.start(f"w{number}") for number in range(3)}
    served, last = 0, 0
    for number, requests, restarts in steps:
        app.clock.now += 1
        if restarts:
            running[number] = app.start(f"w{number}")
        running[number].serve(requests)
        running[number].push()
        served += requests
        total = app.workers.total().finished
        assert last <= total == served
        last = total


# --- Windows ---


def test_a_window_holds_what_was_counted_in_it() -> None:
    app = App()
    worker = app.start()
    for _ in range(100):
        app.clock.now += 5
        worker.serve(10)
        worker.push()
    window = app.workers.window(60)
    assert (window.counters.finished, window.seconds) == (120, 60)


def test_what_was_counted_before_the_sidecar_began_is_in_no_window() -> None:
    """A restarted sidecar hears of hours of requests at once; they are no peak."""
    old = App()
    worker = old.start()
    worker.serve(10_000)
    app = App()
    app.clock.now += 7200
    app.workers = Workers(3600, clock=app.clock, wall=app.clock)
    app.workers.push(worker.document())
    assert app.workers.total().finished == 10_000
    assert app.workers.window(300).counters.finished == 0
    app.clock.now += 10
    worker.serve(20)
    app.workers.push(worker.document())
    window = app.workers.window(300)
    assert (window.counters.finished, window.seconds) == (20, 10)


def test_a_worker_started_after_the_sidecar_counts_from_its_start() -> None:
    app = App()
    app.clock.now += 100
    worker = app.start()
    app.clock.now += 4
    worker.serve(40)
    worker.push()
    window = app.workers.window(300)
    assert (window.counters.finished, window.seconds) == (40, 4)


# --- Measurements ---


def measured(app: App, window_s: float = 300) -> dict[str, Any]:
    return traffic(app.workers, ClientCount(7, 300), window_s)


def test_rate_response_time_and_errors_are_measured() -> None:
    app = App()
    worker = app.start()
    for _ in range(10):
        app.clock.now += 5
        worker.serve(18, seconds=0.1)
        worker.serve(1, seconds=0.1, status=500)
        worker.serve(1, seconds=0.9)
        worker.query(0.004)
        worker.push()
    found = measured(app)
    assert found["requests_per_second"].value == pytest.approx(4)
    assert found["error_rate_percent"].value == pytest.approx(5)
    assert found["p95_ms"].value == pytest.approx(100, rel=0.011)
    assert found["p95_ms"].samples == 200
    assert found["average_query_ms"].value == pytest.approx(4)
    assert found["concurrent_users"].value == 7
    times = response_times(app.workers.window(300))
    assert times.p99_ms == pytest.approx(900, rel=0.011)
    assert times.average_ms == pytest.approx(140)


def test_aborted_requests_are_no_errors_and_not_in_the_rate() -> None:
    """Contradiction f: the error rate is 5xx among all finished requests; aborts by the client are apart."""
    document = json.loads(json.dumps(COMPLETE))
    document["requests"] |= {"by_class": {"2xx": 100, "5xx": 0}, "aborted": 100}
    app = App()
    app.workers.push(PushDocument.model_validate({**document, "start_time": app.clock.now - 1}))
    assert measured(app)["error_rate_percent"].value == 0
    assert app.workers.total().aborted == 100


def test_too_few_requests_say_nothing_and_say_so() -> None:
    app = App()
    worker = app.start()
    app.clock.now += 10
    worker.serve(MIN_REQUESTS - 1, status=500)
    worker.push()
    found = measured(app)
    assert found["p95_ms"].value is None
    assert found["error_rate_percent"].value is None
    assert found["error_rate_percent"].note == "19 requests in 10 s; 20 are needed"
    assert found["requests_per_second"].value == pytest.approx(1.9)


def test_a_quiet_application_is_judged_over_a_longer_time() -> None:
    app = App()
    worker = app.start()
    for _ in range(30):
        app.clock.now += 60
        worker.serve(1)
        worker.push()
        app.clock.now += 1
        worker.push()
    found = measured(app, window_s=300)
    assert found["p95_ms"].value == pytest.approx(100, rel=0.011)
    assert found["p95_ms"].window_s > 300


def test_without_workers_everything_of_requests_is_unknown() -> None:
    found = measured(App())
    assert {measured.value for measured in found.values()} == {None}
    assert "is the request middleware on?" in found["p95_ms"].note


# --- Clients ---


def reported(numbers: range, salt_id: str | None = DAY, window_s: float = 300) -> Clients:
    registers = bytearray(4096)
    for number in numbers:
        register, rank = register_and_rank(client_hash((salt_id or "").encode(), f"192.0.2.{number}", ""))
        registers[register] = max(registers[register], rank)
    return Clients(window_seconds=window_s, registers=base64.b64encode(registers).decode(), salt_id=salt_id)


def test_a_client_of_several_workers_is_one_client() -> None:
    found = ActiveClients().count([reported(range(60)), reported(range(40, 100))], DAY, now=0)
    assert found is not None
    assert found.count == pytest.approx(100, abs=8)
    assert found.window_s == 300


def test_without_registers_the_number_of_clients_is_unknown() -> None:
    assert ActiveClients().count([], DAY, now=0) is None


def test_a_new_key_neither_doubles_nor_drops_the_count() -> None:
    clients = ActiveClients()
    before = clients.count([reported(range(100), "monday")], "monday", now=0)
    mixed = [reported(range(100), "monday"), reported(range(30), "tuesday")]
    just_after = clients.count(mixed, "tuesday", now=10)
    later = clients.count([reported(range(80), "tuesday")], "tuesday", now=400)
    assert before is not None
    assert just_after is not None
    assert later is not None
    assert just_after.count == before.count
    assert later.count == pytest.approx(80, abs=7)


def test_the_key_changes_with_the_day_and_is_never_the_same() -> None:
    now = 1_767_225_600.0
    salt = DailySalt(lambda: now)
    first = salt.current()
    now += 86_399
    assert salt.current() == first
    now += 1
    second = salt.current()
    assert second.id.startswith("2026-01-02-")
    assert first.id.startswith("2026-01-01-")
    assert first.key != second.key
    assert len(second.key) == 32


def test_counters_of_nothing_are_zero() -> None:
    assert Counters.total([]) == Counters()
