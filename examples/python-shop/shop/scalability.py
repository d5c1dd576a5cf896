"""The monitor's three endpoints at the shop's own address, answered by the sidecar; 503 while it is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request

_BASE = "/api/metrics/scalability"
_PATHS = (_BASE, f"{_BASE}/assessment", f"{_BASE}/prometheus")
#: Seconds the sidecar may take.
_TIMEOUT = 1.0
_PASSED_ON = ("content-type", "cache-control", "vary")


def scalability_routes(sidecar_url: str) -> list[Route]:
    # No redirects, no proxies of the environment: it speaks to the configured sidecar or to nobody.
    client = httpx.AsyncClient(base_url=sidecar_url, timeout=_TIMEOUT, trust_env=False)

    async def answer(request: Request) -> Response:
        url = httpx.URL(request.url.path, query=request.url.query.encode())
        try:
            found = await client.get(url, headers={"accept": request.headers.get("accept", "*/*")})
        except httpx.HTTPError:
            return _unknown()
        if found.status_code in (401, 403) or found.is_server_error:
            return _unknown()
        headers = {name: found.headers[name] for name in _PASSED_ON if name in found.headers}
        return Response(found.content, found.status_code, headers)

    return [Route(path, answer, methods=["GET"]) for path in _PATHS]


def _unknown() -> Response:
    headers = {"cache-control": "no-store", "retry-after": "5"}
    return JSONResponse({"status": "unknown"}, status_code=503, headers=headers)
