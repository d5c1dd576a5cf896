"""Names Django's routes for the WSGI and ASGI middleware.

    MIDDLEWARE = ["monitor.middleware.django.name_route", ...]

Django keeps the route that answered on its own request object, which no middleware around it sees.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from monitor.middleware.wsgi import ROUTE

if TYPE_CHECKING:
    from collections.abc import Callable


def name_route(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Leave the template of the route where the middleware looks for it, on either interface."""
    if inspect.iscoroutinefunction(get_response):

        async def named_later(request: Any) -> Any:
            response = await get_response(request)
            _leave(request)
            return response

        return named_later

    def named(request: Any) -> Any:
        response = get_response(request)
        _leave(request)
        return response

    return named


# What Django's decorator sync_and_async_middleware says, without importing Django.
name_route.sync_capable = True  # type: ignore[attr-defined]
name_route.async_capable = True  # type: ignore[attr-defined]


def _leave(request: Any) -> None:
    route = getattr(getattr(request, "resolver_match", None), "route", None)
    if isinstance(route, str):
        # A request of the ASGI handler has a scope, one of the WSGI handler an environ.
        place = request.scope if hasattr(request, "scope") else request.environ
        place[ROUTE] = "/" + route.removeprefix("^").removesuffix("$").lstrip("/")
