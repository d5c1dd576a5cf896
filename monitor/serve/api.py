"""The sidecar's endpoints. Each answers from the last evaluation; none of them computes one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client.exposition import choose_encoder
from starlette.middleware.gzip import GZipMiddleware

from monitor.page.routes import add_page
from monitor.serve.alerts_api import add_alerts
from monitor.serve.documents import Health, MetricsDocument, Problem, Readiness
from monitor.serve.exposition import Names, expose
from monitor.serve.guard import TokenGuard
from monitor.serve.history_api import add_history
from monitor.serve.published import AssessmentDocument, assessment_document, metrics_document
from monitor.serve.push_api import add_push
from monitor.terminal import to_json

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from monitor.page.routes import Pages
    from monitor.serve.published import Published
    from monitor.serve.sidecar import Sidecar

PREFIX: Final = "/api/metrics/scalability"
_DESCRIPTION: Final = """
Each endpoint answers from the last evaluation, which is made once per interval, so asking more often costs
little and changes nothing. With a token set, every route asks for it: `Authorization: Bearer TOKEN`, or Basic
with the token as the password.
"""
_EXPOSED: Final = """# HELP database_size_bytes Size of the database with its write-ahead log.
# TYPE database_size_bytes gauge
database_size_bytes 5.24288e+07
"""
_HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True)
class Served:
    """What a server runs: the ASGI application, and the pages, whose streams end with it."""

    app: ASGIApp
    pages: Pages


def make_api(sidecar: Sidecar, token: str | None = None) -> ASGIApp:
    """Build the ASGI application around a sidecar; with a token every route asks for it."""
    return make_served(sidecar, token).app


def make_served(sidecar: Sidecar, token: str | None = None) -> Served:
    """Build the same as `make_api`, with what is to be closed at the end."""
    api = FastAPI(
        title="Outgrow monitor",
        summary="How close an application is to the limits of its phase",
        version=sidecar.published.state.version,
        docs_url=None,  # the page would load its scripts from elsewhere
        redoc_url=None,
        description=_DESCRIPTION,
        responses={
            401: {
                "model": Problem,
                "description": "The token is missing or wrong; the same on every route",
            },
            403: {"model": Problem, "description": "Another site's page asks, or by a name that is not ours"},
            429: {"model": Problem, "description": "Too many requests from one address; see Retry-After"},
        },
    )
    _add_reading(api, sidecar)
    add_push(api, PREFIX, sidecar, _HEADERS)
    add_alerts(api, sidecar, _HEADERS)
    add_history(api, PREFIX, sidecar, _HEADERS)
    pages = add_page(api, sidecar)
    compressed = GZipMiddleware(api, minimum_size=1024)
    return Served(compressed if token is None else TokenGuard(compressed, token), pages)


class _Exposed:
    """Writes the exposition once for each evaluation, whoever asks how often."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._sidecar = sidecar
        self._of: Published | None = None
        self._written: dict[tuple[Names, str], tuple[bytes, str]] = {}

    def answer(self, names: Names, accept: str) -> tuple[bytes, str]:
        published = self._sidecar.published
        if published is not self._of:
            self._of, self._written = published, {}
        key = (names, choose_encoder(accept)[1])
        if key not in self._written:
            receivers = self._sidecar.delivery.statuses()
            self._written[key] = expose(published, names, accept, receivers)
        return self._written[key]


def _add_reading(api: FastAPI, sidecar: Sidecar) -> None:
    exposed = _Exposed(sidecar)

    @api.get(
        PREFIX,
        summary="Every measurement beside its limits, and what they rest on",
        tags=["scalability"],
        response_model=MetricsDocument,
    )
    async def metrics() -> Response:
        return _json(metrics_document(sidecar.published))

    @api.get(
        f"{PREFIX}/assessment",
        summary="Score, light, decision, reasons and recommendations",
        tags=["scalability"],
        response_model=AssessmentDocument,
        responses={
            503: {"model": AssessmentDocument, "description": "The light is unknown, asked for with strict=1"}
        },
    )
    async def assessment(
        strict: Annotated[bool, Query(description="Answer 503 while the light is unknown")] = False,
    ) -> Response:
        document = assessment_document(sidecar.published)
        return _json(to_json(document), 503 if strict and document.status == "unknown" else 200)

    @api.get(
        f"{PREFIX}/prometheus",
        summary="Prometheus exposition, as text or OpenMetrics by the Accept header",
        response_class=Response,
        tags=["scalability"],
        responses={
            200: {
                "description": "Text format 0.0.4, or OpenMetrics 1.0 where Accept asks for it",
                "content": {
                    "text/plain": {"schema": {"type": "string"}, "example": _EXPOSED},
                    "application/openmetrics-text": {"schema": {"type": "string"}},
                },
            }
        },
    )
    async def prometheus(
        request: Request,
        names: Annotated[Names, Query(description="The mission's names, others, or both")] = Names.BOTH,
    ) -> Response:
        body, content_type = exposed.answer(names, request.headers.get("accept", ""))
        return Response(body, headers={**_HEADERS, "Content-Type": content_type})

    @api.get(
        "/healthz",
        summary="Whether the monitor itself is well",
        tags=["health"],
        response_model=Health,
        responses={503: {"model": Health, "description": "No evaluation for three intervals"}},
    )
    async def healthz() -> Response:
        late = sidecar.is_late()
        health = Health(
            status="late" if late else "ok",
            light=sidecar.published.assessment.light,
            evaluations=sidecar.published.state.evaluations,
        )
        return _json(health.model_dump(mode="json"), 503 if late else 200)

    @api.get(
        "/readyz",
        summary="Whether what the monitor answers can be relied on",
        tags=["health"],
        response_model=Readiness,
        responses={503: {"model": Readiness, "description": "Late, or the database cannot be read"}},
    )
    async def readyz() -> Response:
        reasons = ["no evaluation for three intervals"] if sidecar.is_late() else []
        size = next(m for m in sidecar.published.assessment.metrics if m.id == "database_size_bytes")
        if size.value is None:
            reasons.append(f"the database cannot be read: {size.note or 'it was not looked at yet'}")
        ready = Readiness(ready=not reasons, reasons=reasons)
        return _json(ready.model_dump(), 200 if ready.ready else 503)


def _json(content: Any, status: int = 200) -> Response:
    return JSONResponse(content, status, headers=_HEADERS)
