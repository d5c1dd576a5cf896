"""The endpoint workers push to: small documents only, read within seconds, refused with a reason."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from fastapi import FastAPI, Request, Response  # noqa: TC002  # FastAPI resolves them at run time
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from monitor.serve.documents import Problem
from monitor.serve.push import MAX_PUSH_BYTES, PushAnswer, PushDocument
from monitor.serve.workers import TooManyWorkers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.serve.sidecar import Sidecar

#: A worker on the same machine needs milliseconds; who needs longer holds a place that others want.
BODY_DEADLINE_S: Final = 5.0


def add_push(api: FastAPI, prefix: str, sidecar: Sidecar, headers: Mapping[str, str]) -> None:
    """Add the route to the endpoints."""

    def refuse(status: int, why: str) -> Response:
        sidecar.refuse_push()
        return JSONResponse({"error": why}, status, headers=dict(headers))

    @api.post(
        f"{prefix}/push",
        summary="Take a worker's cumulative counters",
        tags=["workers"],
        response_model=PushAnswer,
        responses={
            400: {"model": Problem, "description": "Not a document of version 1"},
            403: {"model": Problem, "description": "Sent by another site's page in a browser"},
            408: {"model": Problem, "description": f"Not sent within {BODY_DEADLINE_S:g} seconds"},
            413: {"model": Problem, "description": f"More than {MAX_PUSH_BYTES} bytes"},
            503: {"model": Problem, "description": "More workers than are followed"},
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
            return refuse(403, "other sites' pages may not push")
        try:
            async with asyncio.timeout(BODY_DEADLINE_S):
                body = await _body(request)
        except TimeoutError:
            return refuse(408, f"a push is sent within {BODY_DEADLINE_S:g} seconds")
        if body is None:
            return refuse(413, f"a push is at most {MAX_PUSH_BYTES} bytes")
        try:
            document = PushDocument.model_validate_json(body)
        except ValidationError as error:
            return refuse(400, _first(error))
        try:
            answer = sidecar.push(document)
        except TooManyWorkers as error:
            return refuse(503, error.what)
        return JSONResponse(answer.model_dump(), headers=dict(headers))


async def _body(request: Request) -> bytes | None:
    """Read a request's body, or give up where it gets larger than any document."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_PUSH_BYTES:
            return None
    return bytes(body)


def _first(error: ValidationError) -> str:
    """Say what is wrong first, without repeating what was sent, not even a key of it."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    known = [part if isinstance(part, int) or part in _KEYS else "..." for part in first["loc"]]
    where = ".".join(str(part) for part in known)
    return f"{where}: {first['msg']}" if where else first["msg"]


#: The names of the document's own keys; others are the sender's and may be anything.
_KEYS: Final = frozenset(
    name
    for schema in (
        PushDocument.model_json_schema(),
        *PushDocument.model_json_schema().get("$defs", {}).values(),
    )
    for name in schema.get("properties", {})
)
