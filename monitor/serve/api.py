"""The sidecar's endpoints. Each answers from the last evaluation; none of them computes one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ValidationError
from starlette.middleware.gzip import GZipMiddleware

from monitor.page.routes import add_page
from monitor.serve.exposition import Names, expose
from monitor.serve.guard import TokenGuard
from monitor.serve.history_api import add_history
from monitor.serve.published import AssessmentDocument, assessment_document, metrics_document
from monitor.serve.push import MAX_PUSH_BYTES, PushAnswer, PushDocument
from monitor.terminal import to_json

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from monitor.page.routes import Pages
    from monitor.serve.sidecar import Sidecar

PREFIX: Final = "/api/metrics/scalability"
_HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class Problem(BaseModel):
    """Why a request was refused."""

    error: str


class Health(BaseModel):
    """Whether the sidecar evaluates in time."""

    status: str
    light: str
    evaluations: int


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
    )
    _add_reading(api, sidecar)
    _add_pushing(api, sidecar)
    add_history(api, PREFIX, sidecar, _HEADERS)
    pages = add_page(api, sidecar)
    compressed = GZipMiddleware(api, minimum_size=1024)
    return Served(compressed if token is None else TokenGuard(compressed, token), pages)


def _add_reading(api: FastAPI, sidecar: Sidecar) -> None:
    @api.get(
        PREFIX,
        summary="Every measurement beside its limits, and what they rest on",
        response_model=dict[str, Any],
    )
    async def metrics() -> Response:
        return _json(metrics_document(sidecar.published))

    @api.get(
        f"{PREFIX}/assessment",
        summary="Score, light, decision, reasons and recommendations",
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
        responses={200: {"content": {"text/plain": {}, "application/openmetrics-text": {}}}},
    )
    async def prometheus(
        request: Request,
        names: Annotated[Names, Query(description="The mission's names, others, or both")] = Names.BOTH,
    ) -> Response:
        body, content_type = expose(sidecar.published, names, request.headers.get("accept", ""))
        return Response(body, headers={**_HEADERS, "Content-Type": content_type})

    @api.get(
        "/healthz",
        summary="Whether the monitor itself is well",
        response_model=Health,
        responses={503: {"model": Health, "description": "No evaluation for three intervals"}},
    )
    async def healthz() -> Response:
        late = sidecar.is_late()
        health = Health(
            status="late" if late else "ok",
            light=sidecar.published.assessment.light.value,
            evaluations=sidecar.published.state.evaluations,
        )
        return _json(health.model_dump(), 503 if late else 200)


def _add_pushing(api: FastAPI, sidecar: Sidecar) -> None:
    @api.post(
        f"{PREFIX}/push",
        summary="Take a worker's cumulative counters",
        response_model=PushAnswer,
        responses={
            400: {"model": Problem, "description": "Not a document of version 1"},
            403: {"model": Problem, "description": "Sent by another site's page in a browser"},
            413: {"model": Problem, "description": f"More than {MAX_PUSH_BYTES} bytes"},
        },
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": PushDocument.model_json_schema()}},
            }
        },
    )
    async def push(request: Request) -> Response:
        if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            # A browser that knows the token would send it along with what any other site posts here.
            sidecar.refuse_push()
            return _json({"error": "other sites' pages may not push"}, 403)
        body = await _body(request)
        if body is None:
            sidecar.refuse_push()
            return _json({"error": f"a push is at most {MAX_PUSH_BYTES} bytes"}, 413)
        try:
            document = PushDocument.model_validate_json(body)
        except ValidationError as error:
            sidecar.refuse_push()
            return _json({"error": _first(error)}, 400)
        return _json(sidecar.push(document).model_dump())


async def _body(request: Request) -> bytes | None:
    """Read a request's body, or give up where it gets larger than any document."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_PUSH_BYTES:
            return None
    return bytes(body)


def _first(error: ValidationError) -> str:
    """Say what is wrong first, without repeating what was sent."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]


def _json(content: Any, status: int = 200) -> Response:
    return JSONResponse(content, status, headers=_HEADERS)
