"""A worker's counters: what is counted where, that they only rise, caps, clients, forks."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from monitor.middleware import buckets, clients, recorder
from monitor.middleware.recorder import OVERFLOW, STATEMENT_CAP, UNMATCHED, Recorder

VECTORS: Any = json.loads((Path(buckets.__file__).parent / "vectors.json").read_text(encoding="utf-8"))
SALT = b"s" * 32


def count(
    to: Recorder, route: str = "/", status: int = 200, seconds: float | None = 0.1, client: str = "192.0.2.1"
) -> None:
    to.started()
    to.finished("GET", route, status=status, seconds=seconds, client=(client, "test"))


def keys(value: Any) -> Any:
    """The shape of a document: its keys, without those that name slots, routes and statements."""
    if not isinstance(value, dict):
        return None
    return {
        key: keys(item) for key, item in value.items() if key not in ("buckets", "routes", "slow_statements")
    }


def test_the_document_has_the_shape_the_vectors_pin() -> None:
    counted = Recorder()
    counted.use_salt(SALT, "day")
    count(counted)
    counted.query(0.01, slow=True, statement="SELECT ?")
    expected = dict(VECTORS["push"]["document"])
    expected["event_loop"] = None  # measured by the Express middleware only
    assert keys(json.loads(json.dumps(counted.document()))) == keys(expected)
    route = counted.document()["routes"]["GET /"]
    assert set(route) == set(VECTORS["push"]["document"]["routes"]["POST /orders"])
    pinned = next(iter(VECTORS["push"]["document"]["slow_statements"].values()))
    assert set(counted.document()["slow_statements"]["SELECT ?"]) == set(pinned)


def test_classes_errors_and_latencies_are_counted() -> None:
    counted = Recorder()
    for status in (200, 204, 301, 404, 500, 503, 100):
        count(counted, "/a", status, 0.25)
    document = counted.document()
    assert document["requests"]["by_class"] == {"2xx": 3, "3xx": 1, "4xx": 1, "5xx": 2}
    assert document["requests"]["total"] == 7
    assert document["latency"] == {
        "buckets": {str(buckets.bucket_index(0.25)): 7},
        "sum_seconds": pytest.approx(1.75),
        "count": 7,
    }
    assert document["routes"]["GET /a"] == {"count": 7, "errors": 2, "sum_seconds": pytest.approx(1.75)}


def test_aborted_requests_are_counted_apart_and_have_no_latency() -> None:
    counted = Recorder()
    counted.started()
    counted.aborted()
    document = counted.document()
    assert document["requests"]["aborted"] == 1
    assert document["requests"]["total"] == 0
    assert document["requests"]["in_flight"] == 0
    assert document["latency"]["count"] == 0


def test_streams_are_counted_without_a_latency() -> None:
    counted = Recorder()
    count(counted, seconds=None)
    document = counted.document()
    assert (document["requests"]["total"], document["latency"]["count"]) == (1, 0)


def test_running_requests_show_as_in_flight() -> None:
    counted = Recorder()
    counted.started()
    counted.started()
    counted.aborted()
    assert counted.document()["requests"]["in_flight"] == 1


def test_documents_are_cumulative_and_numbered() -> None:
    counted = Recorder()
    totals = []
    for _ in range(3):
        count(counted)
        document = counted.document()
        totals.append((document["seq"], document["requests"]["total"], document["start_time"]))
    start = totals[0][2]
    assert totals == [(1, 1, start), (2, 2, start), (3, 3, start)]


def test_latencies_wait_a_tenth_of_a_second_at_most_and_no_document_goes_without_them() -> None:
    now = 5000.0
    counted = Recorder(clock=lambda: now)
    count(counted)
    assert counted.due == now + 0.1
    for _ in range(10):
        count(counted, seconds=0.2)
    assert sum(len(latencies) for *_, latencies in counted._latencies) == 10
    assert counted.document()["latency"]["count"] == 11
    count(counted)
    now += 0.2
    count(counted)
    assert sum(len(latencies) for *_, latencies in counted._latencies) == 0
    assert counted.document()["latency"]["sum_seconds"] == pytest.approx(2.3)


def test_every_batch_lands_in_the_slots_the_vectors_layout_says() -> None:
    counted = Recorder()
    latencies = [0.0, 1e-6, 1.0000001e-6, 0.15, 0.45, 2.3, 3600, 1e6]
    for seconds in latencies:
        count(counted, seconds=seconds)
    expected: dict[str, int] = {}
    for seconds in latencies:
        slot = str(buckets.bucket_index(seconds))
        expected[slot] = expected.get(slot, 0) + 1
    assert counted.document()["latency"]["buckets"] == expected


def test_routes_beyond_the_cap_share_one_series() -> None:
    counted = Recorder(route_cap=10)
    for number in range(1000):
        count(counted, f"/{number}")
    routes = counted.document()["routes"]
    assert len(routes) == 11
    assert routes[OVERFLOW]["count"] == 990
    assert sum(route["count"] for route in routes.values()) == 1000


def test_a_client_cannot_invent_methods() -> None:
    counted = Recorder()
    for number in range(100):
        counted.started()
        counted.finished(f"M{number}", UNMATCHED, status=404, seconds=0.1, client=("", ""))
    assert set(counted.document()["routes"]) == {"OTHER <unmatched>"}


def test_queries_are_absent_until_the_application_reports_some() -> None:
    counted = Recorder()
    assert counted.document()["queries"] is None
    counted.query(0.2, slow=True)
    counted.query(0.1, busy=True)
    assert counted.document()["queries"] == {
        "count": 2,
        "sum_seconds": pytest.approx(0.3),
        "slow": 1,
        "busy_errors": 1,
        "buckets": {str(buckets.bucket_index(0.1)): 1, str(buckets.bucket_index(0.2)): 1},
    }


def test_slow_statements_are_counted_by_their_sql_and_bounded() -> None:
    counted = Recorder()
    counted.query(0.2, slow=True, statement="SELECT a")
    counted.query(0.4, slow=True, statement="SELECT a")
    counted.query(0.1, statement="SELECT fast")
    assert counted.document()["slow_statements"] == {
        "SELECT a": {"count": 2, "sum_seconds": pytest.approx(0.6), "max_seconds": 0.4}
    }
    for number in range(2 * STATEMENT_CAP):
        counted.query(1, slow=True, statement=f"SELECT {chr(97 + number % 26)}{number}")
    statements = counted.document()["slow_statements"]
    assert len(statements) == STATEMENT_CAP + 1
    assert sum(entry["count"] for entry in statements.values()) == 2 + 2 * STATEMENT_CAP


# --- Clients ---


def estimated(document: dict[str, Any]) -> float:
    return clients.estimate(base64.b64decode(document["clients"]["registers"]))


def test_clients_are_counted_from_the_first_key_on() -> None:
    counted = Recorder()
    count(counted)
    assert counted.document()["clients"] is None
    counted.use_salt(SALT, "day")
    for number in range(200):
        count(counted, client=f"192.0.2.{number % 50}")
    assert estimated(counted.document()) == pytest.approx(50, abs=4)


def test_clients_are_forgotten_after_the_window_and_not_before_nine_tenths_of_it() -> None:
    now = 1000.0
    counted = Recorder(client_window_s=100, clock=lambda: now)
    counted.use_salt(SALT, "day")
    count(counted)
    now += 89
    assert estimated(counted.document()) == pytest.approx(1, abs=0.1)
    now += 12
    assert estimated(counted.document()) == 0


def test_a_new_key_starts_the_count_again_and_the_same_one_does_not() -> None:
    counted = Recorder()
    counted.use_salt(SALT, "monday")
    count(counted)
    counted.use_salt(SALT, "monday")
    assert estimated(counted.document()) == pytest.approx(1, abs=0.1)
    counted.use_salt(b"t" * 32, "tuesday")
    assert estimated(counted.document()) == 0
    assert counted.document()["clients"]["salt_id"] == "tuesday"


def test_p16_nothing_of_a_client_is_in_the_document() -> None:
    counted = Recorder()
    counted.use_salt(SALT, "day")
    counted.started()
    counted.finished("GET", "/", status=200, seconds=0.1, client=("198.51.100.77", "Secret-Browser/1.0"))
    text = json.dumps(counted.document())
    assert "198.51.100.77" not in text
    assert "Secret-Browser" not in text


def test_a_client_is_remembered_by_a_keyed_hash_only() -> None:
    counted = Recorder()
    counted.use_salt(SALT, "day")
    count(counted, client="198.51.100.77")
    assert counted.met == {hash((counted.seed, "198.51.100.77", b"test"))}


def test_a_client_that_stays_is_counted_again_in_every_part_of_the_window() -> None:
    now = 1000.0
    counted = Recorder(client_window_s=100, clock=lambda: now)
    counted.use_salt(SALT, "day")
    for _ in range(30):
        count(counted)
        now += 7
    now += 80
    assert estimated(counted.document()) == pytest.approx(1, abs=0.1)


# --- Threads and processes ---


def test_threads_lose_no_count() -> None:
    counted = Recorder()

    def work() -> None:
        for _ in range(2000):
            count(counted)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    document = counted.document()
    assert document["requests"]["total"] == 8000
    assert document["requests"]["in_flight"] == 0
    assert document["latency"]["count"] == 8000


def test_a_forked_worker_counts_from_zero_under_its_own_name() -> None:
    """Servers that load the application before they fork would report the parent's counts once per child."""
    program = (
        "import os, json\n"
        "from monitor.middleware.recorder import Recorder\n"
        "recorder = Recorder()\n"
        "for _ in range(5): recorder.query(0.1)\n"
        "child = os.fork()\n"
        "if child: os.waitpid(child, 0)\n"
        "else: recorder.query(0.1)\n"
        "print(json.dumps([os.getpid(), recorder.document()]), flush=True)\n"
        "os._exit(0)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, timeout=30)
    (child, of_child), (parent, of_parent) = (json.loads(line) for line in run.stdout.splitlines())
    assert (of_child["worker"], of_child["queries"]["count"]) == (str(child), 1)
    assert (of_parent["worker"], of_parent["queries"]["count"]) == (str(parent), 5)


def test_the_caps_are_those_of_the_protocol() -> None:
    assert recorder.ROUTE_CAP == 500
    assert clients.REGISTERS == 4096
