"""Label matchers, queries, and what Prometheus's answers become: numbers, or reasons."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import httpx
import promql_parser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.collect.fleet import MOST_QUERIES, BadQueries, Fleet, FleetReading, load_queries
from monitor.collect.prometheus_http import BadPrometheus, Credentials, PrometheusApi
from monitor.collect.promql import BadMatcher, FleetQueries, Matcher, parse_matcher
from monitor.collect.sources import prometheus_options
from monitor.thresholds import METRICS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# --- Matchers and queries ---


@pytest.mark.parametrize(
    ("text", "promql"),
    [
        ("job=shop", 'job="shop"'),
        ("env!=test", 'env!="test"'),
        ("instance=~web-.*:80", 'instance=~"web-.*:80"'),
        ("zone!~a|b", 'zone!~"a|b"'),
        ("job=", 'job=""'),
        ('job="} or up{a="', r'job="\"} or up{a=\""'),
        ("job=a\\", r'job="a\\"'),
        ("job=a=b", 'job="a=b"'),
    ],
)
def test_a_matchers_value_is_escaped(text: str, promql: str) -> None:
    assert str(parse_matcher(text)) == promql


@pytest.mark.parametrize("text", ["job", "", "=x", "a-b=c", "1a=b", "job=~(", "__name__=up", "job =x"])
def test_what_is_no_matcher_is_refused(text: str) -> None:
    with pytest.raises(BadMatcher):
        parse_matcher(text)


@given(st.text(), st.sampled_from(["=", "!="]))
def test_no_value_leaves_its_string(value: str, operator: str) -> None:
    """Whatever the value, PromQL parses to one selector with one matcher that holds exactly the value."""
    query = f"up{{{Matcher('job', operator, value)}}}"
    if "\x00" in value or any(0xD800 <= ord(sign) <= 0xDFFF for sign in value):
        return
    parsed = promql_parser.parse(query)
    assert isinstance(parsed, promql_parser.VectorSelector)
    (matcher,) = parsed.matchers.matchers
    assert matcher.value == value


@pytest.mark.parametrize("matchers", [(), (Matcher("job", "=", 'a"b'), Matcher("env", "!~", "x|y"))])
def test_every_query_parses_and_asks_the_instances_only(matchers: tuple[Matcher, ...]) -> None:
    queries = FleetQueries(matchers, 300, 60, {}).all()
    assert len(queries) + 4 <= MOST_QUERIES  # a round with too few requests asks four more
    for query in queries.values():
        promql_parser.parse(query)
        assert query.count(str(matchers[0]) if matchers else "") >= 1
        # The mission's names are the fleet monitor's own answer.
        assert "response_time_milliseconds" not in query
        assert " database_size_bytes" not in query


# --- Answers ---

MATRIX = {"status": "success", "data": {"resultType": "matrix", "result": []}}


class Prometheus:
    """Answers by a function of the query."""

    def __init__(self, answer: Callable[[str], Any]) -> None:
        self.answer = answer
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answered = self.answer(httpx.QueryParams(request.content.decode())["query"])
        return answered if isinstance(answered, httpx.Response) else vector(answered)

    def fleet(self, url: str = "https://prometheus:9090", credentials: Credentials | None = None) -> Fleet:
        api = PrometheusApi(url, credentials, transport=httpx.MockTransport(self))
        return Fleet(api, api.shown)

    def read(self) -> FleetReading:
        return self.fleet().read()


def vector(*values: Any) -> httpx.Response:
    result = [{"metric": {}, "value": [1.0, str(value)]} for value in values if value is not None]
    return httpx.Response(200, json={"status": "success", "data": {"resultType": "vector", "result": result}})


def test_every_metric_is_answered() -> None:
    reading = Prometheus(lambda query: 5 if query.startswith("time()") else 42).read()
    assert {metric.value for metric in reading.metrics.values()} == {42}
    assert set(reading.metrics) == set(METRICS)
    assert reading.metrics["p95_ms"].age_s == 5
    assert reading.metrics["p95_ms"].samples == 42
    assert (reading.p50_ms, reading.busy_errors, reading.problem) == (42, 42, "")


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf", None])
def test_what_is_no_number_is_unknown(value: str | None) -> None:
    reading = Prometheus(lambda _: value).read()
    assert {metric.value for metric in reading.metrics.values()} == {None}
    assert all(metric.note for metric in reading.metrics.values())
    assert reading.p99_ms is None


def test_a_query_that_fails_makes_its_own_metric_unknown_and_no_other() -> None:
    error = httpx.Response(400, json={"status": "error", "errorType": "bad_data", "error": "parse error"})
    reading = Prometheus(lambda query: error if "memory" in query else 30).read()
    assert reading.metrics["memory_percent"].value is None
    assert "parse error" in reading.metrics["memory_percent"].note
    assert reading.metrics["cpu_percent"].value == 30


def test_samples_that_are_old_are_unknown() -> None:
    reading = Prometheus(lambda query: 200 if query.startswith("time()") else 42).read()
    assert reading.metrics["requests_per_second"].value is None
    assert "200 s old" in reading.metrics["requests_per_second"].note


def test_few_requests_are_judged_over_a_longer_window() -> None:
    prometheus = Prometheus(lambda query: 25 if "3600000ms" in query else 3)
    reading = prometheus.read()
    assert reading.metrics["p95_ms"].window_s == 3600
    assert (reading.metrics["p95_ms"].value, reading.metrics["p95_ms"].samples) == (25, 25)
    assert reading.metrics["requests_per_second"].window_s == 300
    assert len(prometheus.asked) == reading.queries <= MOST_QUERIES
    quiet = Prometheus(lambda query: 3).read().metrics["error_rate_percent"]
    assert quiet.value is None
    assert "3 requests in 3600 s; 20 are needed" in quiet.note


def test_a_prometheus_that_is_away_is_asked_once_a_round() -> None:
    def refuse(_: str) -> httpx.Response:
        raise httpx.ConnectTimeout("")

    prometheus = Prometheus(refuse)
    reading = prometheus.read()
    assert len(prometheus.asked) == 1
    assert "did not answer in 5 s" in reading.problem
    assert {metric.value for metric in reading.metrics.values()} == {None}


@pytest.mark.parametrize(
    ("response", "said"),
    [
        (httpx.Response(302, headers={"Location": "http://elsewhere/"}), "redirects"),
        (httpx.Response(401, text="no"), "refuses the credentials"),
        (httpx.Response(503, text="starting"), "HTTP 503"),
        (httpx.Response(200, text="<html>"), "not Prometheus's"),
        (vector(1, 2), "2 series"),
        (httpx.Response(200, content=b"x" * 1_000_001), "too large"),
        (
            httpx.Response(200, json=MATRIX),
            "matrix",
        ),
        (httpx.Response(200, json=["status"]), "not Prometheus's"),
    ],
)
def test_every_other_answer_is_a_reason(response: httpx.Response, said: str) -> None:
    def answer(_: str) -> httpx.Response:
        return httpx.Response(response.status_code, headers=response.headers, content=response.content)

    prometheus = Prometheus(answer)
    reading = prometheus.read()
    assert said in reading.metrics["p95_ms"].note + reading.metrics["cpu_percent"].note
    assert {request.url.host for request in prometheus.asked} == {"prometheus"}


@given(st.binary(max_size=200), st.integers(200, 599))
def test_any_answer_is_a_reading(content: bytes, status: int) -> None:
    reading = Prometheus(lambda _: httpx.Response(status, content=content)).read()
    assert {metric.value for metric in reading.metrics.values()} == {None}


# --- Credentials ---


def test_a_token_is_sent_and_shown_nowhere(tmp_path: Path) -> None:
    prometheus = Prometheus(lambda _: httpx.Response(401))
    reading = prometheus.fleet(credentials=Credentials(token="open-sesame")).read()
    assert prometheus.asked[0].headers["Authorization"] == "Bearer open-sesame"
    assert "open-sesame" not in repr(reading) + repr(Credentials(token="open-sesame"))
    path = tmp_path / "token"
    path.write_text("first\n")
    fleet = prometheus.fleet(credentials=Credentials(token_file=path))
    fleet.read()
    path.write_text("second\n")
    fleet.read()
    path.unlink()
    assert "token file cannot be read" in fleet.read().problem
    assert [request.headers["Authorization"] for request in prometheus.asked[1:]] == [
        "Bearer first",
        "Bearer second",
    ]


def test_a_user_in_the_address_is_sent_and_shown_nowhere() -> None:
    prometheus = Prometheus(lambda _: 1)
    reading = prometheus.fleet("https://eve:hunter2@prometheus/base/").read()
    assert prometheus.asked[0].headers["Authorization"].startswith("Basic ")
    assert str(prometheus.asked[0].url) == "https://prometheus/base/api/v1/query"
    assert reading.source == "https://prometheus/base/"
    assert "hunter2" not in repr(reading)


def test_amazons_prometheus_gets_a_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    prometheus = Prometheus(lambda _: 1)
    prometheus.fleet("https://aps.example/w", Credentials(sigv4_region="eu-west-1")).read()
    sent = prometheus.asked[0].headers["Authorization"]
    assert sent.startswith("AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/")
    assert "/eu-west-1/aps/aws4_request" in sent
    assert "hunter2" not in sent


def test_without_aws_credentials_nothing_can_be_signed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with pytest.raises(BadPrometheus, match="no credentials"):
        PrometheusApi("https://aps.example/w", Credentials(sigv4_region="eu-west-1"))


@pytest.mark.parametrize(
    "url", ["", "prometheus:9090", "ftp://a/", "http://", "http://a/?b=c", "http://[::1"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(BadPrometheus):
        PrometheusApi(url)


def test_options_without_an_address_and_two_tokens_are_refused(tmp_path: Path) -> None:
    assert prometheus_options(None, (), None, Credentials()) is None
    with pytest.raises(BadPrometheus, match="lack its address"):
        prometheus_options(None, ("job=shop",), None, Credentials())
    with pytest.raises(BadPrometheus, match="one way only"):
        prometheus_options("http://a", (), None, Credentials(token="x", token_file=tmp_path))


@pytest.mark.parametrize("url", ["http://prometheus:9090", "http://10.0.0.7", "http://localhost.example"])
@pytest.mark.parametrize("credentials", [Credentials(token="t"), Credentials(sigv4_region="eu-west-1")])
def test_no_credential_leaves_this_machine_without_encryption(
    url: str, credentials: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    with pytest.raises(BadPrometheus, match="without encryption") as refused:
        PrometheusApi(url, credentials)
    assert "--insecure" in str(refused.value.next_step)
    with pytest.raises(BadPrometheus, match="without encryption"):
        PrometheusApi(url.replace("//", "//eve:hunter2@"))
    for allowed in (url.replace("http:", "https:"), "http://127.0.0.2:1", "http://[::1]", "http://localhost"):
        PrometheusApi(allowed, credentials).close()
    PrometheusApi(url, credentials, insecure=True).close()
    PrometheusApi(url).close()  # nothing secret is sent


def test_a_tenant_is_sent_with_every_query() -> None:
    prometheus = Prometheus(lambda _: 1)
    api = PrometheusApi("http://mimir", tenant="shop|blog", transport=httpx.MockTransport(prometheus))
    Fleet(api, api.shown).read()
    assert {request.headers["X-Scope-OrgID"] for request in prometheus.asked} == {"shop|blog"}
    assert len(prometheus.asked) > 1


@pytest.mark.parametrize("tenant", ["", "a b", "a\r\nX-Evil: 1", "ä", "a" * 151])
def test_a_tenant_that_no_header_can_hold_is_refused(tenant: str) -> None:
    with pytest.raises(BadPrometheus, match="tenant"):
        PrometheusApi("http://mimir", tenant=tenant)
    with pytest.raises(BadPrometheus, match="lack its address"):
        prometheus_options(None, (), None, Credentials(), tenant="shop")


# --- What only some phases have ---


def test_the_phases_own_metrics_are_read_in_their_units() -> None:
    answers = {
        "scalability_database_connections_used_ratio": 81.0,  # the query itself makes percent of the ratio
        "scalability_database_replication_lag_seconds": 2.5,
        "scalability_aws_database_cpu_percent": 64.0,
    }

    def answer(query: str) -> float | None:
        if query.startswith("time()"):
            return 5.0
        return next((value for name, value in answers.items() if name in query), None)

    reading = Prometheus(answer).read()
    assert reading.phase == {
        "connections_percent": 81.0,
        "replication_lag_seconds": 2.5,
        "database_cpu_percent": 64.0,
    }
    assert set(reading.metrics) == set(METRICS)
    assert reading.facts() == {}


def test_the_phases_own_metrics_are_unknown_when_samples_are_old_or_negative() -> None:
    assert Prometheus(lambda query: 200 if query.startswith("time()") else 42).read().phase == {}
    assert Prometheus(lambda query: 5 if query.startswith("time()") else -1).read().phase == {}


def test_writer_occupancy_is_a_metric_and_the_fact_advice_rests_on() -> None:
    reading = Prometheus(lambda query: 60 if "writer_occupancy" in query else None).read()
    assert reading.phase == {"writer_occupancy_percent": 60}
    assert reading.facts() == {"writer_occupancy": 0.6}


# --- Queries of one's own ---


def test_own_queries_stand_in_for_ours(tmp_path: Path) -> None:
    path = tmp_path / "queries.yaml"
    path.write_text(json.dumps({"p95_ms": "my_p95"}))
    prometheus = Prometheus(lambda query: 77 if query == "my_p95" else None)
    api = PrometheusApi("http://prometheus", transport=httpx.MockTransport(prometheus))
    reading = Fleet(api, api.shown, own=load_queries(path)).read()
    assert reading.metrics["p95_ms"].value == 77
    assert reading.metrics["error_rate_percent"].value is None


@pytest.mark.parametrize("text", ["[1]", "p95: x", "p95_ms: 3", "a: [", "\x00"])
def test_a_file_of_anything_else_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "queries.yaml"
    path.write_text(text)
    with pytest.raises(BadQueries):
        load_queries(path)
    with pytest.raises(BadQueries):
        load_queries(tmp_path / "missing")
