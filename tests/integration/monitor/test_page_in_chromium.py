"""The web page in a real browser: seen, heard, typed at, narrow, dark, cut off, attacked."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypercorn.asyncio import serve
from hypercorn.config import Config

from examples.node_packages import NodePackage, prepare
from monitor.serve.api import make_served
from monitor.serve.server import listen_on

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from monitor.serve.sidecar import Sidecar

VIEWS = ("", "executive", "technical", "operations")
STATES = ("green", "yellow", "red", "unknown", "empty", "stale")
TOKEN = "open-sesame"
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
)


class Shown:
    """A server whose sidecar can be exchanged while pages are open."""

    def __init__(self, sidecar: Sidecar, token: str | None = None, port: int = 0) -> None:
        self.sidecar = sidecar
        self.stale: list[Sidecar] = []
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()
        self._token = token
        listening = listen_on("127.0.0.1", port)
        self.port = listening.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._config = Config()
        self._config.bind = [f"fd://{listening.detach()}"]
        self._config.graceful_timeout = 1
        self._config.errorlog = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def is_late(self) -> bool:
        """Only the stale one: the others are not evaluated again while tests run, and would become it."""
        return time.monotonic() - self.sidecar.published.clock > 80 and self.sidecar in self.stale

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sidecar, name)

    def _run(self) -> None:
        served = make_served(cast("Any", self), self._token)

        async def stopped() -> None:
            await self._stopped.wait()
            served.pages.streams.close()

        self._loop.run_until_complete(serve(cast("Any", served.app), self._config, shutdown_trigger=stopped))
        self._loop.close()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(10)


@pytest.fixture(scope="module")
def sidecars(shop: Callable[..., Sidecar]) -> dict[str, Sidecar]:
    return {state: shop(state) for state in STATES}


@pytest.fixture(scope="module")
def shown(sidecars: dict[str, Sidecar]) -> Iterator[Shown]:
    one = Shown(sidecars["green"])
    one.stale.append(sidecars["stale"])
    yield one
    one.stop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """One browser for all tests. Without Chromium they are skipped, except in CI, which installs it."""
    path = shutil.which("chromium")
    if path is None:
        assert not os.environ.get("CI"), "Chromium is missing; .ci/run installs it"
        pytest.skip("Chromium is missing (Debian: apt-get install chromium)")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=path, args=list(_ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def axe(node: Any) -> str:
    """The source of axe-core, installed by its lock file."""
    folder = Path(__file__).parent / "axe"
    prepare(NodePackage(folder))
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture
def opened(chromium: Any, shown: Shown, sidecars: dict[str, Sidecar]) -> Iterator[Callable[..., Any]]:
    """Open pages; afterwards no policy was broken, no script failed, and nothing was asked of elsewhere."""
    contexts: list[Any] = []
    complaints: list[str] = []

    def hear(message: Any) -> None:
        # Tests of lost connections and refused streams make these on purpose.
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            complaints.append(message.text)

    def ask(request: Any, base: str) -> None:
        if not request.url.startswith((f"{base}/", "data:")):
            complaints.append(f"asked of elsewhere: {request.url}")

    def open_page(
        view: str = "",
        state: str = "green",
        *,
        width: int = 1280,
        theme: str = "light",
        base: str = "",
        charts: bool = True,
        **options: Any,
    ) -> Any:
        shown.sidecar = sidecars[state]
        base = base or shown.url
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, color_scheme=theme, reduced_motion="reduce", **options
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", hear)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: ask(request, base))
        page.goto(f"{base}/{view}")
        if charts and options.get("java_script_enabled", True) and state != "empty":
            page.wait_for_selector(".uplot", timeout=15_000)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def wait(page: Any, expression: str, seconds: float = 15) -> None:
    """Wait until an expression is true; the page's policy forbids what Playwright's own waiting evaluates."""
    deadline = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < deadline, expression
        page.wait_for_timeout(50)


def judged_by(axe: str, page: Any) -> list[str]:
    page.evaluate(axe)
    found = page.evaluate(
        "rules => axe.run(document, {runOnly: rules, resultTypes: ['violations'], preload: false})", _RULES
    )
    return [f"{one['id']}: {node['html'][:200]}" for one in found["violations"] for node in one["nodes"]]


# --- Accessibility ---


@pytest.mark.node
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page_in_any_state(
    opened: Callable[..., Any], axe: str, shown: Shown, sidecars: dict[str, Sidecar], theme: str
) -> None:
    """Every dashboard in both themes, and every state; a state's regions are the same on every dashboard."""
    page = opened("", "green", theme=theme)
    found = {"overview": judged_by(axe, page)}
    states = STATES[::2] if theme == "light" else STATES[1::2]
    for view, state in zip(VIEWS[1:] * 2, [*states, *reversed(states)], strict=True):
        shown.sidecar = sidecars[state]
        page.goto(f"{shown.url}/{view}")
        if state != "empty":
            page.wait_for_selector(".uplot")
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
        found[f"{view} {state}"] = judged_by(axe, page)
    assert {where: violations for where, violations in found.items() if violations} == {}


def test_every_chart_is_an_image_with_words_a_table_and_a_cursor(opened: Callable[..., Any]) -> None:
    page = opened()
    count = page.locator("figure.chart").count()
    assert count == 10
    wait(page, f"document.querySelectorAll('.uplot').length === {count}")
    for number in range(count):
        figure = page.locator("figure.chart").nth(number)
        title = figure.locator("h3").inner_text()
        picture = figure.locator("[role=img]:visible")
        assert picture.count() == 1, title
        name = picture.get_attribute("aria-label")
        assert name.startswith(f"{title}. In ")
        assert any(verb in name for verb in ("rose from", "fell from", "stayed near")), name
        assert figure.locator("details table caption").text_content().startswith(title)
        assert figure.locator("details tbody tr").count() >= 2
        cursor = figure.locator("[role=slider]")
        cursor.focus()
        page.keyboard.press("End")
        newest = cursor.get_attribute("aria-valuetext")
        page.keyboard.press("ArrowLeft")
        before = cursor.get_attribute("aria-valuetext")
        assert before != newest
        assert figure.locator(".reading").inner_text() == before
        assert "UTC" in before
        page.keyboard.press("Escape")
        assert not figure.locator(".reading").is_visible()


def test_no_state_rests_on_colour_alone(opened: Callable[..., Any]) -> None:
    page = opened("", "red")
    badges = page.evaluate(
        "[...document.querySelectorAll('.badge')].map(one =>"
        " [one.className, one.querySelector('use').href.baseVal, one.textContent.trim()])"
    )
    assert len(badges) > 20
    shapes = {classes.split()[1]: shape for classes, shape, word in badges if word}
    assert len(shapes) == len(set(shapes.values()))
    assert not [one for one in badges if not one[2]]
    dashes = page.evaluate(
        "['c1', 'c2', 'c3'].map(name =>"
        " getComputedStyle(document.querySelector(`.legend .${name}`)).strokeDasharray)"
    )
    assert len(set(dashes)) == 3


def test_the_page_can_be_used_with_the_keyboard_alone(opened: Callable[..., Any]) -> None:
    page = opened("technical")
    focused = "document.activeElement.textContent.trim().slice(0, 40) || document.activeElement.id"
    page.keyboard.press("Tab")
    assert page.evaluate(focused) == "Skip to the dashboard"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    page.reload()
    page.wait_for_selector(".uplot")
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break  # past the last one
        reached.append(page.evaluate(focused))
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", reached[-1]
    for name in (
        "Overview",
        "Operations",
        "Theme: auto",
        "24h",
        "Permalink",
        "CSV",
        "Print",
        "Copy as incident note",
    ):
        assert name in reached
    # Two of the charts, of writers and of the event loop, are drawn only once something is known of them.
    assert page.locator("[role=slider]").count() in {5, 6, 7}


def test_the_theme_can_be_chosen_and_is_remembered(opened: Callable[..., Any]) -> None:
    page = opened("executive")
    back = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(back)
    page.click("#theme")
    page.click("#theme")
    assert page.inner_text("#theme") == "Theme: dark"
    dark = page.evaluate(back)
    assert dark != light
    page.reload()
    page.wait_for_selector(".uplot")
    assert page.evaluate(back) == dark


# --- Without script, narrow, on paper ---


@pytest.mark.parametrize("view", VIEWS)
def test_without_script_everything_can_be_read(opened: Callable[..., Any], view: str) -> None:
    page = opened(view, "red", java_script_enabled=False)
    text = page.inner_text("body")
    assert "of 100" in text
    assert "Reload" in text
    assert page.locator("button:visible").count() == 0
    for figure in page.locator("figure.chart").all():
        assert figure.locator("[role=img]").is_visible()
        assert figure.locator("path.line").count() > 0
        assert figure.locator(".summary").inner_text()
    assert page.locator("#connection").is_hidden()


@pytest.mark.parametrize("width", [375, 768, 1440])
def test_nothing_is_wider_than_the_screen(opened: Callable[..., Any], shown: Shown, width: int) -> None:
    page = opened("", "red", width=width)
    for view in VIEWS if width == 375 else VIEWS[:1]:
        page.goto(f"{shown.url}/{view}")
        page.wait_for_selector(".uplot")
        page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, view
    small = page.evaluate(
        "[...document.querySelectorAll('a, button, summary, input')].filter(one => one.checkVisibility())"
        ".filter(one => !one.closest('footer, p, .skip') && !one.matches('.skip'))"
        ".map(one => [one.textContent.trim().slice(0, 30), one.getBoundingClientRect()])"
        ".filter(([, box]) => box.height < 24 || box.width < 24).map(([name]) => name)"
    )
    assert small == []


def test_on_paper_there_are_no_controls_and_the_paper_is_white(opened: Callable[..., Any]) -> None:
    page = opened("executive", "red", theme="dark")
    page.emulate_media(media="print")
    assert page.locator(".controls").is_hidden()
    assert page.locator("#theme").is_hidden()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("#score").is_visible()


# --- Live ---


def test_a_new_evaluation_shows_by_itself_and_is_announced_only_if_the_state_changed(
    opened: Callable[..., Any], shown: Shown, sidecars: dict[str, Sidecar]
) -> None:
    page = opened("", "green")
    green = sidecars["green"]
    original = green.published
    page.evaluate("document.getElementById('d-score-trend').open = true")

    def publish(evaluations: int, **changes: Any) -> None:
        state = replace(original.state, evaluations=original.state.evaluations + evaluations)
        judged = replace(original.assessment, taken_at=time.time(), **changes)
        green.published = replace(original, state=state, assessment=judged, clock=time.monotonic())

    try:
        publish(1, score=91.5)
        wait(page, "document.getElementById('score').textContent === '91.5'")
        assert page.inner_text("#announce") == ""
        assert "91.5" in page.title()
        assert page.evaluate("document.getElementById('d-score-trend').open")
        shown.sidecar = sidecars["red"]
        wait(page, "document.getElementById('announce').textContent.includes('Light red')")
        assert page.locator(".verdict .badge.bad").first.is_visible()
    finally:
        green.published = original


def test_a_restart_of_the_monitor_is_said_and_so_is_its_return(
    opened: Callable[..., Any], sidecars: dict[str, Sidecar]
) -> None:
    first = Shown(sidecars["green"])
    page = opened("operations", base=first.url)
    first.stop()
    page.wait_for_selector("#connection:visible", timeout=15_000)
    assert "does not answer" in page.inner_text("#connection")
    assert page.inner_text("#score") != ""
    second = Shown(sidecars["red"], port=first.port)
    try:
        page.wait_for_selector(".verdict .badge.bad", timeout=20_000)
        assert page.locator("#connection").is_hidden()
        assert "restarted" in page.inner_text("#announce") or "is back" in page.inner_text("#announce")
    finally:
        second.stop()


def test_where_streams_are_refused_the_page_asks_instead(
    opened: Callable[..., Any], shown: Shown, sidecars: dict[str, Sidecar]
) -> None:
    page = opened("executive", "green")
    refuse = json.dumps({"error": "too many"})
    page.route(
        "**/live*",
        lambda route: (
            route.fulfill(status=503, body=refuse)
            if "event-stream" in (route.request.headers.get("accept") or "")
            else route.continue_()
        ),
    )
    page.reload()
    shown.sidecar = sidecars["red"]
    page.wait_for_selector(".verdict .badge.bad", timeout=15_000)


def test_hostile_names_do_nothing(
    opened: Callable[..., Any], shop: Callable[..., Sidecar], sidecars: dict[str, Sidecar]
) -> None:
    payload = "<img src=x onerror=window.broken=1><script>window.broken=1</script>"
    routes = {f"GET /{payload}": {"count": 5, "errors": 1, "sum_seconds": 1.0}}
    sidecars["hostile"] = shop("red", routes=routes, instance=payload)
    page = opened("technical", "hostile")
    page.wait_for_timeout(700)  # the first event replaces the regions by innerHTML
    assert payload in page.inner_text("body")
    assert page.evaluate("window.broken") is None
    assert page.locator("main img").count() == 0


def test_the_incident_note_is_copied(opened: Callable[..., Any], shown: Shown) -> None:
    page = opened("operations", "red", permissions=["clipboard-read", "clipboard-write"])
    page.click("#copy-note")
    wait(page, "document.getElementById('copy-note').textContent === 'Copied'")
    note = page.evaluate("navigator.clipboard.readText()")
    assert note.startswith("Outgrow shop.db: red, score ")
    assert "Response time P95" in note


def test_a_browser_can_give_the_token(opened: Callable[..., Any], shop: Callable[..., Sidecar]) -> None:
    guarded = Shown(shop("yellow"), TOKEN)
    try:
        credentials = {"username": "anybody", "password": TOKEN}
        page = opened("executive", base=guarded.url, http_credentials=credentials)
        assert page.locator(".verdict .badge.warn").first.is_visible()
        guarded.sidecar = shop("red")
        page.wait_for_selector(".verdict .badge.bad", timeout=15_000)  # the stream has it, too
    finally:
        guarded.stop()
