"""The page's addresses: the dashboards, what they load, what keeps them up to date, and exports."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.concurrency import run_in_threadpool

from monitor.page.asked import OVERVIEW, Asked, parse_asked
from monitor.page.assets import assets
from monitor.page.export import as_csv, as_json
from monitor.page.live import EventStream, Streams
from monitor.page.rendering import VIEWS, Rendering, event_id
from monitor.page.seen import Seen
from monitor.phases import load_roadmap

if TYPE_CHECKING:
    from monitor.phases import Phase
    from monitor.serve.sidecar import Sidecar

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
#: Every answer of the page has these; nothing of it is kept by caches but its own files.
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_KEPT: Final = {**_HEADERS, "Cache-Control": "private, max-age=31536000, immutable"}
#: Renderings of the last evaluation that are kept: so many addresses of pages are usually open.
_KEPT_RENDERINGS: Final = 16


class Pages:
    """The pages of one sidecar, each rendered once per evaluation however many look at it.

    Args:
        sidecar: what is shown.
        roadmap: every phase, first to last.
    """

    def __init__(self, sidecar: Sidecar, roadmap: tuple[Phase, ...]) -> None:
        self._sidecar = sidecar
        self.roadmap = roadmap
        self.streams = Streams()
        self._kept: OrderedDict[tuple[str, str, str], dict[str, Any]] = OrderedDict()
        self._one = asyncio.Lock()

    def asked(self, view: str, request: Request) -> Asked:
        """Read a request's address."""
        return parse_asked(view, dict(request.query_params), self.roadmap, now=time.time())

    def see(self, asked: Asked) -> Seen:
        """Look at the last evaluation."""
        published = self._sidecar.published
        age = time.monotonic() - published.clock
        phase = self._sidecar.watch.phase
        return Seen(
            published=published,
            late_s=age if self._sidecar.is_late() else None,
            history=self._sidecar.history,
            roadmap=self.roadmap,
            phase=phase,
            asked=asked,
            now=time.time(),
        )

    async def document(self, asked: Asked) -> dict[str, Any]:
        """Return what keeps a page up to date; rendered once, whoever asks."""
        key = (event_id(self.see(asked)), asked.view, asked.address())
        async with self._one:
            if key not in self._kept:
                self._kept[key] = await run_in_threadpool(self._make, asked)
                while len(self._kept) > _KEPT_RENDERINGS:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return self._kept[key]

    def _make(self, asked: Asked) -> dict[str, Any]:
        seen = self.see(asked)
        rendering = Rendering(seen)
        return {
            "id": event_id(seen),
            "title": rendering.title,
            "state": rendering.state,
            "sentence": rendering.sentence,
            "taken_at": seen.published.assessment.taken_at,
            "regions": dict(rendering.regions),
        }

    def page(self, asked: Asked) -> str:
        """Render a whole page."""
        live = asked.address(view="live", dashboard=asked.view)
        drawn = asked.address(view="charts.json", dashboard=asked.view)
        return Rendering(self.see(asked)).page(live, drawn)


def add_page(api: FastAPI, sidecar: Sidecar) -> Pages:
    """Add the page to the sidecar's application.

    Returns:
        The pages; their streams are to be closed when the server ends.
    """
    pages = Pages(sidecar, sidecar.watch.roadmap or load_roadmap())
    for view, name in VIEWS:
        _add_view(api, pages, view, name)
    _add_files(api)
    _add_live(api, pages)
    _add_exports(api, pages)
    return pages


def _add_view(api: FastAPI, pages: Pages, view: str, name: str) -> None:
    async def show(request: Request) -> Response:
        asked = pages.asked(view, request)
        html = await run_in_threadpool(pages.page, asked)
        return HTMLResponse(html, 400 if asked.problem else 200, headers=_HEADERS)

    path = "/" if view == OVERVIEW else f"/{view}"
    api.get(path, name=f"page {view}", summary=f"{name}: a page for people", include_in_schema=False)(show)


def _add_files(api: FastAPI) -> None:
    by_address = {asset.address: asset for asset in assets().values()}

    @api.get("/static/{digest}/{name}", include_in_schema=False)
    async def static(digest: str, name: str) -> Response:
        asset = by_address.get(f"static/{digest}/{name}")
        if asset is None:
            return JSONResponse({"error": "there is no such file"}, 404, headers=_HEADERS)
        return Response(asset.body, media_type=asset.content_type, headers=_KEPT)

    @api.get("/favicon.ico", include_in_schema=False)
    async def favicon() -> Response:
        asset = assets()["icon.svg"]
        return Response(asset.body, media_type=asset.content_type, headers=_HEADERS)


def _view(dashboard: str) -> str:
    return dashboard if dashboard in dict(VIEWS) else OVERVIEW


def _add_live(api: FastAPI, pages: Pages) -> None:
    @api.get("/live", include_in_schema=False)
    async def live(request: Request, dashboard: str = OVERVIEW, last: str = "") -> Response:
        asked = pages.asked(_view(dashboard), request)
        if "text/event-stream" not in request.headers.get("accept", ""):
            return JSONResponse(await pages.document(asked), headers=_HEADERS)
        peer = request.client.host if request.client else ""
        if not pages.streams.take(peer):
            headers = {**_HEADERS, "Retry-After": "30"}
            return JSONResponse(
                {"error": "too many pages are open; ask for JSON instead"}, 503, headers=headers
            )
        return EventStream(
            pages.streams,
            peer,
            lambda: (event_id(pages.see(asked)), lambda: pages.document(asked)),
            last=request.headers.get("last-event-id", last)[:100],
            headers=_HEADERS,
        )

    @api.get("/charts.json", include_in_schema=False)
    async def charts(request: Request, dashboard: str = OVERVIEW) -> Response:
        asked = pages.asked(_view(dashboard), request)
        rendering = Rendering(pages.see(asked))
        drawn = await run_in_threadpool(lambda: [chart.document() for chart in rendering.charts])
        return JSONResponse({"charts": drawn}, headers=_HEADERS)


_Dashboard = Annotated[
    str, Query(description="executive, technical, operations, or overview for all of them")
]
_Range = Annotated[str | None, Query(alias="range", description="1h, 6h, 24h, 7d, 30d or 90d", max_length=40)]
_Until = Annotated[
    str | None, Query(description="Where it ends, seconds since 1970; now by default", max_length=40)
]


def _add_exports(api: FastAPI, pages: Pages) -> None:
    @api.get(
        "/export.json",
        summary="What a dashboard shows: judgement, measurements, series",
        response_model=dict[str, Any],
    )
    async def export_json(
        request: Request,
        dashboard: _Dashboard = OVERVIEW,
        span: _Range = None,  # noqa: ARG001  # these two are read from the address with all others
        until: _Until = None,  # noqa: ARG001
    ) -> Response:
        seen = pages.see(pages.asked(_view(dashboard), request))
        document = await run_in_threadpool(lambda: as_json(seen, Rendering(seen).charts))
        return JSONResponse(document, headers=_HEADERS)

    @api.get(
        "/export.csv",
        summary="The series of a dashboard, one point a line",
        response_class=Response,
        responses={200: {"content": {"text/csv": {}}}},
    )
    async def export_csv(
        request: Request,
        dashboard: _Dashboard = OVERVIEW,
        span: _Range = None,  # noqa: ARG001  # these two are read from the address with all others
        until: _Until = None,  # noqa: ARG001
    ) -> Response:
        seen = pages.see(pages.asked(_view(dashboard), request))
        text = await run_in_threadpool(lambda: as_csv(Rendering(seen).charts))
        name = f'attachment; filename="outgrow-{_view(dashboard)}.csv"'
        headers = {**_HEADERS, "Content-Disposition": name}
        return Response(text, media_type="text/csv; charset=utf-8", headers=headers)
