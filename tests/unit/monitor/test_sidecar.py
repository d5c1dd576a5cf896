"""The sidecar without a network: what it publishes, as JSON and for Prometheus, and whom it lets in."""

from __future__ import annotations

import asyncio
import json
import math
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from monitor.collect.reading import DatabaseReading, QueryTotals
from monitor.errors import ExitCode
from monitor.middleware import buckets
from monitor.phases import load_phase
from monitor.serve.api import PREFIX, make_api
from monitor.serve.exposition import Names, expose
from monitor.serve.guard import ExposedWithoutToken, check_exposure
from monitor.serve.push import MAX_PUSH_BYTES, PushDocument
from monitor.serve.record import uptime_percent
from monitor.serve.server import BadAddress, CannotListen, listen_on, parse_address
from monitor.serve.sidecar import CannotLeaveOut, Sidecar, Watch
from monitor.serve.workers import Workers
from monitor.store.tiers import SERIES
from monitor.thresholds import METRICS, BadThresholds

COMPLETE: Any = json.loads((Path(buckets.__file__).parent / "vectors.json").read_text(encoding="utf-8"))[
    "push"
]
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
PHASE_1 = load_phase("phase-1")


class Database:
    """A database whose readings the test chooses."""

    folder = None

    def __init__(self) -> None:
        self.reading = DatabaseReading(
            database="sqlite",
            name="shop.db",
            size_bytes=52_428_800.0,
            files={"main": 50_000_000, "wal": 2_428_800},
            journal_mode="rollback",
            writes=0,
            details={"free_pages": 3.0},
        )

    def read(self) -> DatabaseReading:
        return self.reading

    def close(self) -> None:
        pass


def watching(**options: Any) -> Sidecar:
    return Sidecar(Watch(PHASE_1, "phase-2", **options), Database())


def complete(**changes: Any) -> PushDocument:
    """The complete document of the vectors, of a worker that started half a second ago, with the sidecar."""
    document = {**COMPLETE["document"], "start_time": time.time() - 0.5, **changes}
    return PushDocument.model_validate(document)


def busy() -> Sidecar:
    """A sidecar with one worker that has pushed the same twice."""
    sidecar = watching()
    document = complete()
    sidecar.push(document)
    sidecar.push(document.model_copy(update={"seq": 4}))
    sidecar.published = sidecar.evaluate()
    return sidecar


def call(
    sidecar: Sidecar, method: str, path: str, token: str | None = None, **options: Any
) -> httpx.Response:
    async def once() -> httpx.Response:
        transport = httpx.ASGITransport(make_api(sidecar, token))
        async with httpx.AsyncClient(transport=transport, base_url="http://monitor") as client:
            return await client.request(method, path, **options)

    return asyncio.run(once())


# --- History ---


def test_the_history_answers_a_series_beside_its_limits() -> None:
    sidecar = busy()
    document = call(sidecar, "GET", f"{PREFIX}/history?metric=p95_ms&since=-600&step=10").json()
    assert document["step_s"] == 10
    assert (document["stay"], document["urgent"], document["unit"], document["step_s"]) == (
        200,
        500,
        "ms",
        10,
    )
    assert document["points"][-1]["value"] == pytest.approx(900, rel=0.011)
    score = call(sidecar, "GET", f"{PREFIX}/history?metric=score").json()
    assert (score["stay"], score["points"][-1]["high"]) == (None, sidecar.published.assessment.score)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("metric=nonsense", 400),
        ("", 422),
        ("metric=p95_ms&since=yesterday", 422),
        ("metric=p95_ms&step=0", 422),
        ("metric=p95_ms&step=nan", 422),
        ("metric=p95_ms&since=0&step=0.001", 200),
        ("metric=p95_ms&since=1e12", 200),
    ],
)
def test_the_history_refuses_what_is_no_question(query: str, status: int) -> None:
    answer = call(busy(), "GET", f"{PREFIX}/history?{query}")
    assert answer.status_code == status
    if status == 200:
        assert len(answer.json()["points"]) <= 2000


def test_the_application_is_up_while_workers_push_and_down_when_they_stop() -> None:
    assert "uptime_percent" in SERIES
    silent = watching()
    assert silent.history.series("uptime_percent", since=0).points == ()
    up = busy()
    assert up.history.series("uptime_percent", since=0).points[-1].value == 100
    assert uptime_percent(Workers(60), seen_before=True) == 0
    assert uptime_percent(Workers(60), seen_before=False) is None


# --- JSON ---


def test_the_assessment_has_what_gates_read() -> None:
    document = call(busy(), "GET", f"{PREFIX}/assessment").json()
    assert set(document["held"]) == {"decision", "since", "seconds", "evaluations", "at_least"}
    assert (document["held"]["decision"], document["held"]["evaluations"]) == ("urgent", 1)
    assert document["phase"] == "phase-1"
    assert document["scale"] == 1.0
    assert document["taken_at"] > 1.7e9
    assert {metric["id"] for metric in document["metrics"]} == {*METRICS, "event_loop_delay_ms"}
    assert {"sustained", "capacity", "forecast", "kpis", "headroom", "workload", "database"} <= set(document)
    assert {one["status"] for one in document["forecast"]} == {"not_enough_data"}
    assert document["capacity"] is None


def test_the_metrics_have_every_measurement_beside_its_limits() -> None:
    document = call(busy(), "GET", PREFIX).json()
    p95 = document["metrics"]["p95_ms"]
    assert p95["value"] == pytest.approx(900, rel=0.011)
    assert (p95["stay"], p95["urgent"], p95["samples"]) == (200, 500, 160)
    assert document["http"]["requests"] == {
        "total": 160,
        "by_class": {"2xx": 148, "3xx": 4, "4xx": 5, "5xx": 3},
    }
    assert document["http"]["response_time"]["average_ms"] == pytest.approx(150)
    assert [route["route"] for route in document["http"]["routes"]] == [
        "GET /orders/:id",
        "POST /orders",
        "GET <unmatched>",
    ]
    assert document["http"]["workers"][0]["event_loop"] == {"delay_p99_ms": 12.5, "utilization": 0.31}
    assert document["database"]["files"] == {"main": 50_000_000, "wal": 2_428_800}
    assert document["system"]["memory_scope"] in ("host", "cgroup")
    assert len(document["alerts"]["all"]) == 17
    assert document["monitor"]["pushes"] == 2


def test_active_alerts_are_served_with_value_and_limit() -> None:
    sidecar = watching(scale=0.01)
    sidecar.published = sidecar.evaluate()
    active = {alert["id"]: alert for alert in call(sidecar, "GET", PREFIX).json()["alerts"]["active"]}
    assert active["database_size_bytes_critical"]["limit"] == 50_000_000
    assert active["database_size_bytes_critical"]["value"] == 52_428_800
    assert "database_size_bytes_warning" in active


def test_the_scale_shows_in_every_output() -> None:
    sidecar = watching(scale=0.5)
    assert call(sidecar, "GET", PREFIX).json()["scale"] == 0.5
    assert call(sidecar, "GET", f"{PREFIX}/assessment").json()["scale"] == 0.5
    assert samples(sidecar)["scalability_scale_ratio"] == {(): 0.5}


def test_nothing_pushed_is_unknown_and_strict_says_503() -> None:
    sidecar = watching(without=frozenset({"cpu_percent", "memory_percent"}))
    assert call(sidecar, "GET", f"{PREFIX}/assessment").status_code == 200
    document = call(sidecar, "GET", f"{PREFIX}/assessment?strict=1")
    assert document.status_code == 503
    assert document.json()["light"] == "unknown"
    assert document.json()["status"] == "unknown"
    assert document.json()["score"] is None


def test_the_health_of_the_monitor_is_not_that_of_the_application() -> None:
    sidecar = watching()
    assert call(sidecar, "GET", "/healthz").json()["status"] == "ok"
    object.__setattr__(sidecar.published, "clock", sidecar.published.clock - 100)
    late = call(sidecar, "GET", "/healthz")
    assert (late.status_code, late.json()["status"]) == (503, "late")


def test_query_time_of_the_database_goes_before_that_of_the_workers() -> None:
    sidecar = busy()
    assert value(sidecar, "average_query_ms") == pytest.approx(5)
    database = Database()
    mine = Sidecar(Watch(PHASE_1, "phase-2"), database)
    mine.push(complete())
    for count in (0, 100):
        database.reading = DatabaseReading("postgresql", "shop", queries=QueryTotals(count, count * 0.03))
        mine._observer.look()
    mine.published = mine.evaluate()
    assert value(mine, "average_query_ms") == pytest.approx(30)


def value(sidecar: Sidecar, metric: str) -> float | None:
    return next(judged.value for judged in sidecar.published.assessment.metrics if judged.id == metric)


def test_what_cannot_be_read_keeps_its_value_until_it_is_stale() -> None:
    database = Database()
    sidecar = Sidecar(Watch(PHASE_1, "phase-2", interval_s=0.2), database)
    database.reading = DatabaseReading("sqlite", "shop.db", notes={"database_size_bytes": "it is gone"})
    sidecar._observer.look()
    assert value_now(sidecar) == 52_428_800
    at, kept = sidecar._observer._known["database_size_bytes"]
    sidecar._observer._known["database_size_bytes"] = (at - 1, kept)
    assert value_now(sidecar) is None
    assert "Database size is not known: it is gone" in sidecar.published.assessment.reasons


def value_now(sidecar: Sidecar) -> float | None:
    sidecar.published = sidecar.evaluate()
    return value(sidecar, "database_size_bytes")


def test_a_look_that_fails_does_not_end_the_watching(caplog: pytest.LogCaptureFixture) -> None:
    database = Database()
    sidecar = Sidecar(Watch(PHASE_1, "phase-2", interval_s=0.01), database)
    good, stop = database.reading, threading.Event()
    database.reading = None  # type: ignore[assignment]  # what no probe returns
    watching = threading.Thread(target=sidecar.run, args=(stop,))
    watching.start()
    try:
        deadline = time.monotonic() + 10
        while not caplog.records and time.monotonic() < deadline:
            time.sleep(0.01)
        before = sidecar.published.state.evaluations
        database.reading = good
        while sidecar.published.state.evaluations == before and time.monotonic() < deadline:
            time.sleep(0.01)
    finally:
        stop.set()
        watching.join()
    assert "an evaluation failed" in caplog.text
    assert sidecar.published.state.evaluations > before


def test_a_metric_left_out_is_listed_and_says_why() -> None:
    sidecar = watching(without=frozenset({"cpu_percent"}))
    left = call(sidecar, "GET", PREFIX).json()["metrics"]["cpu_percent"]
    assert (left["value"], left["note"]) == (None, "left out with --without")


@pytest.mark.parametrize("metric", ["p95_ms", "cpu"])
def test_the_decision_matrix_cannot_be_left_out(metric: str) -> None:
    with pytest.raises(CannotLeaveOut) as refused:
        Watch(PHASE_1, None, without=frozenset({metric}))
    assert refused.value.exit_code is ExitCode.WRONG_USAGE


def test_a_scale_that_raises_limits_is_refused() -> None:
    with pytest.raises(BadThresholds):
        Watch(PHASE_1, None, scale=2).thresholds()


# --- Pushing ---


def push(sidecar: Sidecar, body: bytes) -> httpx.Response:
    return call(sidecar, "POST", f"{PREFIX}/push", content=body)


def test_a_push_is_answered_with_the_key_of_the_day() -> None:
    sidecar = watching()
    answer = push(sidecar, json.dumps(COMPLETE["document"]).encode())
    assert answer.status_code == 200
    assert set(answer.json()) == set(COMPLETE["answer"])
    assert push(sidecar, json.dumps(COMPLETE["document"]).encode()).json() == answer.json()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b"not json", 400),
        (b'{"version": 2}', 400),
        (b"\xff\xfe", 400),
        (b'{"version": 1, "instance": "' + b"x" * MAX_PUSH_BYTES + b'"}', 413),
        (b"[" * 10_000, 400),
    ],
)
def test_what_is_no_document_is_refused_and_counted(body: bytes, status: int) -> None:
    sidecar = watching()
    answer = push(sidecar, body)
    assert answer.status_code == status
    assert len(answer.json()["error"]) < 300
    assert sidecar.evaluate().state.refused_pushes == 1
    assert sidecar.evaluate().state.pushes == 0


def test_the_api_describes_itself_and_loads_nothing_from_elsewhere() -> None:
    described = call(watching(), "GET", "/openapi.json").json()
    assert set(described["paths"]) == {
        PREFIX,
        f"{PREFIX}/assessment",
        f"{PREFIX}/history",
        f"{PREFIX}/prometheus",
        f"{PREFIX}/push",
        "/export.csv",
        "/export.json",
        "/api/alerts",
        "/healthz",
        "/readyz",
    }
    assert "AssessmentDocument" in described["components"]["schemas"]
    assert call(watching(), "GET", "/docs").status_code == 404


# --- Prometheus ---


def samples(sidecar: Sidecar, names: Names = Names.BOTH, *, openmetrics: bool = False) -> dict[str, Any]:
    body, _ = expose(sidecar.published, names, OPENMETRICS if openmetrics else "")
    parse = parse_openmetrics if openmetrics else parse_text
    found: dict[str, Any] = {}
    for family in parse(body.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


@pytest.mark.parametrize("openmetrics", [False, True])
@pytest.mark.parametrize("names", list(Names))
def test_p14_the_exposition_parses_strictly_in_both_formats(names: Names, openmetrics: bool) -> None:
    found = samples(busy(), names, openmetrics=openmetrics)
    assert not any(math.isnan(number) for series in found.values() for number in series.values())
    mission = {
        "database_size_bytes",
        "response_time_milliseconds",
        "requests_per_second",
        "memory_usage_percent",
    }
    assert mission <= set(found) or names is Names.CONVENTIONAL
    assert ("scalability_light" in found) == (names is not Names.MISSION)


def test_promtool_where_there_is_one_objects_to_the_missions_millisecond_only() -> None:
    body, _ = expose(busy().published, Names.BOTH, "")
    assert body.endswith(b"\n")
    promtool = shutil.which("promtool")
    if promtool is not None:
        checked = subprocess.run([promtool, "check", "metrics"], input=body, capture_output=True, check=False)
        objections = (checked.stdout + checked.stderr).decode().splitlines()
        assert objections == ['response_time_milliseconds use base unit "seconds" instead of "milliseconds"']


def test_the_missions_example_is_served_under_its_names() -> None:
    found = samples(busy(), Names.MISSION)
    assert found["database_size_bytes"] == {(): 52_428_800}
    quantiles = found["response_time_milliseconds"]
    assert quantiles[(("quantile", "0.5"),)] == pytest.approx(100, rel=0.011)
    assert quantiles[(("quantile", "0.95"),)] == pytest.approx(900, rel=0.011)
    assert set(quantiles) == {(("quantile", "0.5"),), (("quantile", "0.95"),), (("quantile", "0.99"),)}
    assert found["response_time_milliseconds_count"] == {(): 160}
    assert found["response_time_milliseconds_sum"] == {(): pytest.approx(24_000)}
    assert 0 < found["memory_usage_percent"][()] < 100


def test_response_times_are_a_summary_because_of_their_quantile_label() -> None:
    body, content_type = expose(busy().published, Names.MISSION, "")
    assert "# TYPE response_time_milliseconds summary" in body.decode()
    assert content_type.startswith("text/plain; version=0.0.4")
    _, content_type = expose(busy().published, Names.MISSION, OPENMETRICS)
    assert content_type.startswith("application/openmetrics-text")


def test_thresholds_stand_beside_values() -> None:
    found = samples(busy())
    assert found["scalability_metric_value"][(("metric", "database_size_bytes"),)] == 52_428_800
    limits = found["scalability_metric_threshold"]
    assert limits[(("limit", "stay"), ("metric", "database_size_bytes"))] == 1e9
    assert limits[(("limit", "urgent"), ("metric", "database_size_bytes"))] == 5e9
    assert (("limit", "urgent"), ("metric", "requests_per_second")) not in limits


def test_states_are_one_of_several_and_an_unknown_score_is_absent() -> None:
    unknown = watching(without=frozenset({"cpu_percent", "memory_percent"}))
    found = samples(unknown)
    assert "scalability_score" not in found
    assert found["scalability_light"][(("state", "unknown"),)] == 1
    assert sum(found["scalability_light"].values()) == 1
    assert sum(found["scalability_decision"].values()) == 1
    assert found["scalability_metric_stale"][(("metric", "p95_ms"),)] == 1
    assert "response_time_milliseconds" not in found


def test_the_histogram_has_the_missions_bounds_and_adds_up() -> None:
    found = samples(busy(), openmetrics=True)
    counts = found["http_request_duration_seconds_bucket"]
    by_bound = {float(dict(labels)["le"]): count for labels, count in counts.items()}
    assert {0.1, 0.2, 0.5} <= set(by_bound)
    assert by_bound[math.inf] == 160
    assert by_bound[0.5] == 150
    assert list(dict(sorted(by_bound.items())).values()) == sorted(by_bound.values())


def test_route_names_cannot_break_out_of_their_label() -> None:
    sidecar = watching()
    evil = 'GET /"} or vector(1) #\n<script>\\'
    sidecar.push(complete(routes={evil: COMPLETE["document"]["routes"]["POST /orders"]}))
    sidecar.published = sidecar.evaluate()
    for openmetrics in (False, True):
        assert (("route", evil),) in samples(sidecar, openmetrics=openmetrics)["http_route_requests_total"]


# --- Who may come in ---


@pytest.mark.parametrize("host", ["127.0.0.1", "127.3.2.1", "::1", "localhost"])
def test_this_machine_needs_no_token(host: str) -> None:
    check_exposure(host, None, insecure=False)


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.168.1.5", "monitor.example.org", "127.0.0.1.example.org"]
)
def test_a_wider_bind_needs_a_token_or_the_users_word(host: str) -> None:
    with pytest.raises(ExposedWithoutToken) as refused:
        check_exposure(host, None, insecure=False)
    assert refused.value.exit_code is ExitCode.WRONG_USAGE
    check_exposure(host, "secret", insecure=False)
    check_exposure(host, None, insecure=True)


ROUTES = [
    ("GET", PREFIX),
    ("GET", f"{PREFIX}/assessment"),
    ("GET", f"{PREFIX}/history"),
    ("GET", f"{PREFIX}/prometheus"),
    ("POST", f"{PREFIX}/push"),
    ("GET", "/api/alerts"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/openapi.json"),
    ("GET", "/"),
    ("GET", "/executive"),
    ("GET", "/technical"),
    ("GET", "/operations"),
    ("GET", "/live"),
    ("GET", "/charts.json"),
    ("GET", "/export.json"),
    ("GET", "/export.csv"),
    ("GET", "/favicon.ico"),
    ("GET", "/static/{digest}/{name}"),
    ("GET", "/no/such/route"),
    ("DELETE", PREFIX),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer wrong",
        "Basic secret",
        "Basic c2VjcmV0",  # the token without a name before it
        "Basic dXNlcjp3cm9uZw==",
        "Digest secret",
        "secret",
    ],
)
def test_without_the_token_every_route_says_401_and_nothing_else(
    method: str, path: str, header: str | None
) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = call(watching(), method, path, token="secret", headers=headers)
    assert answer.status_code == 401
    assert answer.json() == {"error": "a bearer token is needed"}
    schemes = answer.headers.get_list("www-authenticate")
    assert [scheme.split(" ")[0] for scheme in schemes] == ["Bearer", "Basic"]
    assert "secret" not in str(answer.headers)


def test_the_table_of_routes_above_is_complete() -> None:
    compressed: Any = make_api(watching())
    assert {route.path for route in compressed.app.routes} <= {path for _, path in ROUTES}


@pytest.mark.parametrize("header", ["Bearer secret", "bearer secret", "Basic YW55Ym9keTpzZWNyZXQ="])
def test_with_the_token_the_routes_answer_to_programs_and_to_browsers(header: str) -> None:
    headers = {"Authorization": header}
    assert call(watching(), "GET", "/healthz", token="secret", headers=headers).status_code == 200


def test_two_tokens_are_none() -> None:
    headers = [("Authorization", "Bearer secret"), ("Authorization", "Bearer wrong")]
    assert call(watching(), "GET", "/healthz", token="secret", headers=headers).status_code == 401


# --- Where it listens ---


@pytest.mark.parametrize(
    ("text", "address"),
    [("127.0.0.1:9464", ("127.0.0.1", 9464)), ("[::1]:80", ("::1", 80)), ("localhost:0", ("localhost", 0))],
)
def test_addresses_are_read(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text", ["", "9464", ":9464", "host", "host:", "host:http", "host:70000", "host:-1", "h:²"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(BadAddress):
        parse_address(text)


def test_a_port_in_use_is_one_clear_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CannotListen) as refused:
            listen_on("127.0.0.1", port)
    assert refused.value.what == f"cannot listen on 127.0.0.1:{port}"
    assert refused.value.why == "another program listens there already"
    assert refused.value.exit_code is ExitCode.FAILED


def test_an_address_of_another_machine_is_one_clear_error() -> None:
    with pytest.raises(CannotListen):
        listen_on("192.0.2.1", 0)
