"""The web page as HTTP: complete without script, escaped, locked down, live, exported."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import json
import re
import signal
import threading
import time
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from monitor import page as page_package
from monitor.forecast import Day, forecast
from monitor.page.live import EventStream, Streams
from monitor.page.routes import add_page
from monitor.phases import load_phase
from monitor.serve.api import PREFIX, make_api
from monitor.serve.sidecar import Sidecar, Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    Shop = Callable[..., Sidecar]

STATIC = Path(page_package.__file__).parent / "static"
VIEWS = ("/", "/executive", "/technical", "/operations")
#: What the mission lists under each dashboard, and where the page shows it.
MISSION = {
    "/executive": (
        "Scalability score trend",
        "User growth against capacity",
        "Migration readiness",
        "Cost projections",
    ),
    "/technical": (
        "Response time percentiles",
        "Database size growth",
        "Error rate trend",
        "Resource utilisation",
    ),
    "/operations": ("Active alerts", "System health", "Performance trend", "Capacity planning"),
}
PAYLOAD = "<script>window.broken=1</script>"
PAYLOADS = {
    "routes": {
        f"GET /{PAYLOAD}": {"count": 5, "errors": 1, "sum_seconds": 1.0},
        'GET /"><img src=x onerror=broken()>': {"count": 5, "errors": 0, "sum_seconds": 1.0},
        "GET /{{7*7}}{% raw %}": {"count": 5, "errors": 0, "sum_seconds": 1.0},
    },
    "instance": "web<svg onload=broken()>",
    "slow_statements": {f"select '{PAYLOAD}'": {"count": 1, "sum_seconds": 2.0, "max_seconds": 2.0}},
}


def get(sidecar: Any, path: str, **headers: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(make_api(sidecar))
        async with httpx.AsyncClient(transport=transport, base_url="http://monitor") as client:
            return await client.get(path, headers=headers)

    return asyncio.run(ask())


class Words(HTMLParser):
    """The text of a page, its tags and their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


# --- What it shows ---


@pytest.mark.parametrize("view", MISSION)
def test_each_dashboard_shows_what_the_mission_lists_and_the_overview_shows_all(
    shop: Shop, view: str
) -> None:
    for path in (view, "/"):
        text = Words(get(shop(), path).text).text
        assert not [title for title in MISSION[view] if title not in text]


def test_the_page_and_the_endpoints_tell_the_same(shop: Shop) -> None:
    sidecar = shop("red")
    assessment = get(sidecar, f"{PREFIX}/assessment").json()
    text = Words(get(sidecar, "/").text).text
    assert f"{assessment['score']:g} of 100" in text
    for reason in assessment["reasons"]:
        assert reason in text
    for advice in assessment["recommendations"]:
        assert advice["action"] in text
        assert advice["because"]["text"] in text
    for alert in get(sidecar, PREFIX).json()["alerts"]["active"]:
        assert alert["summary"] in text


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ("green", ("Green", "Stay in this phase", "No alert is raised")),
        ("yellow", ("Yellow", "Plan the climb to phase-2", "Start preparing")),
        ("red", ("Red", "Climb to phase-2 now", "Migrate now", "outgrow promote --to phase-2")),
        ("unknown", ("Unknown", "is not measured", "no worker has pushed")),
        ("empty", ("Unknown", "only just started", "No request has been counted yet", "No values yet")),
        ("stale", ("The monitor is stale", "Stale", "Nothing below is current")),
    ],
)
def test_each_state_says_what_it_is_in_words(shop: Shop, state: str, says: tuple[str, ...]) -> None:
    text = Words(get(shop(state), "/").text).text
    assert not [words for words in says if words not in text]


def test_a_phase_on_postgresql_has_the_same_page() -> None:
    sidecar = Sidecar(Watch(load_phase("phase-3"), None), None)
    for view in VIEWS:
        answer = get(sidecar, view)
        assert answer.status_code == 200
        assert "phase-3" in Words(answer.text).text


def test_forecasts_stand_with_their_band_and_carry_the_cost_projection(shop: Shop) -> None:
    sidecar = shop()
    published = sidecar.published
    days = [Day(number, 200.0 + 5 * number) for number in range(40)]
    made = forecast("concurrent_users", days, published.thresholds["concurrent_users"])
    assert made.to_stay.days is not None
    sidecar.published = replace(published, outlook=replace(published.outlook, forecasts=(made,)))
    for view, expected in (("/executive", made.to_stay), ("/operations", made.to_urgent)):
        text = Words(get(sidecar, view).text).text
        assert f"in {expected.days:.0f} days ({expected.earliest or 0:.0f} to " in text
    assert "a month would cost (as measured)" in Words(get(sidecar, "/executive").text).text


def test_own_assumptions_change_the_projection(shop: Shop) -> None:
    sidecar = shop()
    text = Words(get(sidecar, "/executive?growth=50&cost_phase-2=555").text).text
    assert "growing by 50 % a month" in text
    assert "$555 (given)" in text


def test_what_an_address_asks_wrongly_is_said(shop: Shop) -> None:
    answer = get(shop(), "/technical?range=2h&cost_phase-1=lots")
    assert answer.status_code == 400
    assert "Not understood" in Words(answer.text).text
    assert get(shop(), "/technical?range=6h").status_code == 200


def test_the_charts_of_a_permalink_end_where_it_says(shop: Shop) -> None:
    until = int(time.time()) - 86_400
    sidecar = shop()
    assert "Charts end at" in Words(get(sidecar, f"/technical?range=7d&until={until}").text).text
    for chart in get(sidecar, f"/charts.json?dashboard=technical&range=7d&until={until}").json()["charts"]:
        assert max(chart["times"]) <= until


# --- What it must not do ---


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_is_inline_and_nothing_comes_from_elsewhere(shop: Shop, view: str) -> None:
    answer = get(shop("red", **PAYLOADS), view)
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'")
    assert "unsafe" not in policy
    assert {"frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} <= set(policy.split("; "))
    assert answer.headers["cache-control"] == "no-store"
    for tag, attributes in Words(answer.text).tags:
        assert tag != "style"
        assert tag != "script" or (attributes.get("src") or "").startswith("static/")
        assert not [name for name in attributes if name == "style" or name.startswith("on")]
        for name in ("src", "href", "action"):
            assert not re.match(r"\w+:|//", attributes.get(name) or ""), (tag, attributes)


def test_names_from_outside_are_text_and_nothing_else(shop: Shop) -> None:
    sidecar = shop("red", **PAYLOADS)
    for html in (get(sidecar, "/").text, *get(sidecar, "/live").json()["regions"].values()):
        assert PAYLOAD not in html
        assert "<img" not in html
        assert "<svg onload" not in html
    assert {name for name in PAYLOADS["routes"] if name not in Words(get(sidecar, "/").text).text} == set()


def test_no_page_weighs_more_than_150_kb_with_all_it_loads(shop: Shop) -> None:
    sidecar = shop("red")
    for view in VIEWS:
        answer = get(sidecar, view)
        loaded = set(re.findall(r'(?:href|src)="(static/[^"]+)"', answer.text))
        total = len(answer.content) + sum(len(get(sidecar, f"/{path}").content) for path in loaded)
        assert total <= 150_000, (view, len(answer.content), total)


def test_writer_and_event_loop_are_drawn_where_they_are_known_and_not_on_the_overview(shop: Shop) -> None:
    sidecar = shop("empty")
    loop, writer = 'data-chart="event-loop"', 'data-chart="writer-occupancy"'
    before = get(sidecar, "/technical").text
    assert loop not in before  # no worker of this application runs on Node
    assert writer in before
    for second in range(60):
        sidecar.history.append(time.time() - 90 + second, {"event_loop_delay_ms": 30.0 + second})
    after = get(sidecar, "/technical").text
    assert loop in after
    assert "Event loop delay P99 rose from" in Words(after).text
    drawn = get(sidecar, "/charts.json?dashboard=technical").json()["charts"]
    (chart,) = [one for one in drawn if one["id"] == "event-loop"]
    known = [value for value in chart["values"][0] if value is not None]
    assert 30 <= min(known) <= max(known) <= 89
    overview = get(sidecar, "/").text
    assert loop not in overview
    assert writer not in overview


def test_what_is_vendored_is_what_was_recorded() -> None:
    recorded = json.loads((STATIC / "vendored.json").read_text(encoding="utf-8"))
    for name, digest in recorded["files"].items():
        assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() == digest, name
    assert recorded["version"].encode() in (STATIC / "uPlot.iife.min.js").read_bytes()[:400]
    assert "MIT" in (STATIC / "uPlot.LICENSE.txt").read_text(encoding="utf-8")


def test_files_may_be_kept_for_good_because_their_address_holds_their_hash(shop: Shop) -> None:
    sidecar = shop()
    for path in set(re.findall(r'"(static/[^"]+)"', get(sidecar, "/").text)):
        answer = get(sidecar, f"/{path}")
        assert "immutable" in answer.headers["cache-control"]
        assert path.split("/")[1] == hashlib.sha256(answer.content).hexdigest()[:12]
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert get(sidecar, "/static/000000000000/page.js").status_code == 404
    assert get(sidecar, "/static/../../../etc/passwd").status_code == 404


def test_a_page_of_another_site_cannot_push(shop: Shop) -> None:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(make_api(shop()))
        async with httpx.AsyncClient(transport=transport, base_url="http://monitor") as client:
            return await client.post(
                f"{PREFIX}/push", content=b"{}", headers={"Sec-Fetch-Site": "cross-site"}
            )

    assert asyncio.run(ask()).status_code == 403


# --- Exports ---


def test_exports_hold_what_the_page_shows(shop: Shop) -> None:
    sidecar = shop("yellow")
    document = get(sidecar, "/export.json?dashboard=technical&range=24h").json()
    assert document["assessment"]["light"] == "yellow"
    assert {"p50_ms", "p95_ms", "p99_ms", "database_size_bytes", "cpu_percent"} <= {
        one["series"] for one in document["series"]
    }
    answer = get(sidecar, "/export.csv?dashboard=technical&range=24h")
    assert answer.headers["content-type"].startswith("text/csv")
    assert "outgrow-technical.csv" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert {row["unit"] for row in rows if row["series"] == "p95_ms"} == {"ms"}
    assert len({(row["series"], row["epoch_s"]) for row in rows}) == len(rows)


# --- Live ---


class Listener:
    """An ASGI server's side of one stream."""

    def __init__(self, stream: EventStream) -> None:
        self.sent: list[dict[str, Any]] = []
        self._leaves = asyncio.Event()
        self._task = asyncio.ensure_future(stream({"type": "http"}, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        await self._leaves.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        self.sent.append(message)

    @property
    def text(self) -> str:
        return b"".join(message.get("body", b"") for message in self.sent).decode()

    async def leave(self) -> None:
        self._leaves.set()
        await asyncio.wait_for(self._task, 5)

    async def ends(self) -> None:
        await asyncio.wait_for(self._task, 5)


def make_stream(streams: Streams, name: list[str], last: str = "") -> EventStream:
    async def make() -> dict[str, Any]:
        return {"id": name[0], "regions": {"same": "<p>1</p>", "number": name[0]}}

    assert streams.take("peer")
    return EventStream(streams, "peer", lambda: (name[0], make), last=last, headers={})


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(200):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen")


def test_a_stream_sends_each_evaluation_once_and_only_what_changed() -> None:
    async def story() -> str:
        streams, name = Streams(), ["1"]
        listener = Listener(make_stream(streams, name))
        await until(lambda: "id: 1" in listener.text)
        name[0] = "2"
        await until(lambda: "id: 2" in listener.text)
        await listener.leave()
        assert streams.count == 0
        return listener.text

    first, second = (
        json.loads(data) for data in re.findall(r"^data: (.*)$", asyncio.run(story()), re.MULTILINE)
    )
    assert set(first["regions"]) == {"same", "number"}
    assert second["regions"] == {"number": "2"}


def test_who_has_seen_the_last_evaluation_hears_of_the_next() -> None:
    async def story() -> str:
        streams, name = Streams(), ["7"]
        listener = Listener(make_stream(streams, name, last="7"))
        await until(lambda: "retry" in listener.text)
        name[0] = "8"
        await until(lambda: "id: 8" in listener.text)
        await listener.leave()
        return listener.text

    assert "id: 7" not in asyncio.run(story())


def test_the_end_of_the_server_ends_every_stream_and_opens_none() -> None:
    async def story() -> None:
        streams = Streams()
        listeners = [Listener(make_stream(streams, ["1"])) for _ in range(3)]
        await until(lambda: all("id: 1" in one.text for one in listeners))
        streams.close()
        for one in listeners:
            await one.ends()
            assert one.sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
        assert streams.count == 0
        assert not streams.take("peer")

    asyncio.run(story())


def test_there_are_fifty_streams_and_no_peer_takes_them_all() -> None:
    streams = Streams()
    taken = [streams.take(f"peer {number % 10}") for number in range(60)]
    assert taken == [True] * 50 + [False] * 10
    streams.give_back("peer 0")
    assert streams.take("another")
    alone = Streams()
    assert [alone.take("one") for _ in range(30)].count(True) == 20
    assert alone.take("another")


def test_a_stream_too_many_is_refused_and_may_ask_instead(shop: Shop) -> None:
    from fastapi import FastAPI

    sidecar = shop()
    api = FastAPI()
    pages = add_page(api, sidecar)
    pages.streams.close()

    async def ask(accept: str) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://monitor") as client:
            return await client.get("/live", headers={"Accept": accept})

    refused = asyncio.run(ask("text/event-stream"))
    assert refused.status_code == 503
    assert "retry-after" in refused.headers
    assert asyncio.run(ask("application/json")).json()["regions"]["verdict"]


def test_an_evaluation_is_rendered_once_however_many_ask(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from fastapi import FastAPI

    pages = add_page(FastAPI(), shop())
    made = []
    original = pages._make
    monkeypatch.setattr(pages, "_make", lambda asked: made.append(asked) or original(asked))
    from monitor.page.asked import parse_asked

    asked = parse_asked("overview", {}, pages.roadmap, now=time.time())

    async def many() -> list[Any]:
        return await asyncio.gather(*(pages.document(asked) for _ in range(20)))

    documents = asyncio.run(many())
    assert len(made) == 1
    assert all(one is documents[0] for one in documents)


def test_an_open_stream_does_not_keep_the_sidecar_from_ending(
    sidecar: Any, application: Any, tmp_path: Path
) -> None:
    application("wal").commit(3)
    running = sidecar("--database", str(tmp_path / "shop.db"), "--interval", "0.3", "--store", ":memory:")
    assert f"dashboards: {running.url}/" in running.printed
    heard: list[str] = []

    def listen() -> None:
        headers = {"Accept": "text/event-stream"}
        with httpx.stream(
            "GET", f"{running.url}/live", headers=headers, trust_env=False, timeout=20
        ) as answer:
            heard.extend(answer.iter_lines())

    listening = threading.Thread(target=listen)
    listening.start()
    time.sleep(1.5)
    began = time.monotonic()
    assert running.stop(signal.SIGTERM) == 0
    listening.join(5)
    assert not listening.is_alive()
    assert time.monotonic() - began < 5
    assert sum(line.startswith("event: evaluation") for line in heard) >= 2
    assert "Traceback" not in running.printed
