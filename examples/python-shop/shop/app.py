"""The shop's HTTP interface (../../contract/README.md)."""

from __future__ import annotations

import json
import logging
import sqlite3
from typing import TYPE_CHECKING, Any

import psycopg
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shop.errors import ClientError, database_refusal, not_found
from shop.fingerprint import fingerprint
from shop.orders import change_status, find_order, newest_orders, place_order
from shop.reports import sales_report
from shop.requests import new_order, new_status, order_id, whole_number
from shop.scalability import scalability_routes
from shop.views import View, customer_view, product_view

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from shop.database import Database, Session

PAGE_SIZE = 20
MAX_BODY = 100 * 1024
RETRY_AFTER_SECONDS = "1"

_log = logging.getLogger("shop")


def shop_app(database: Database, sidecar_url: str | None) -> Starlette:
    shop = Shop(database)
    routes = [
        Route("/health", shop.health),
        Route("/products", shop.products),
        Route("/products/{id}", shop.product),
        Route("/customers/{id}", shop.customer),
        Route("/customers/{id}/orders", shop.customer_orders),
        Route("/orders", shop.place_order, methods=["POST"]),
        Route("/orders/{id}", shop.order),
        Route("/orders/{id}/status", shop.change_status, methods=["PATCH"]),
        Route("/reports/sales", shop.sales),
        Route("/fingerprint", shop.fingerprint),
        *(scalability_routes(sidecar_url) if sidecar_url else ()),
    ]
    app = Starlette(routes=routes, exception_handlers=_ERRORS)
    app.router.redirect_slashes = False
    return app


class Shop:
    """The endpoints. Each does its work on the database in a thread; others are answered meanwhile."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def health(self, _: Request) -> Response:
        def work() -> View:
            with self._database.read() as session:
                session.rows("SELECT 1")
            return {"status": "ok", "database": self._database.kind}

        return await _answer(work)

    async def products(self, request: Request) -> Response:
        def work() -> View:
            given = request.query_params.getlist("page") or ["1"]
            page = whole_number(given[0] if len(given) == 1 else "", "page")
            with self._database.read() as session:
                found = session.rows(
                    'SELECT * FROM "product" ORDER BY "id" LIMIT ? OFFSET ?',
                    PAGE_SIZE,
                    (page - 1) * PAGE_SIZE,
                )
                (counted,) = session.rows('SELECT COUNT(*) AS "total" FROM "product"')
            views = [product_view(row) for row in found]
            return {"page": page, "pageSize": PAGE_SIZE, "total": counted["total"], "products": views}

        return await _answer(work)

    async def product(self, request: Request) -> Response:
        def work() -> View:
            product_id = whole_number(request.path_params["id"], "id")
            with self._database.read() as session:
                row = session.row('SELECT * FROM "product" WHERE "id" = ?', product_id)
            if row is None:
                raise not_found(f"product {product_id}")
            return product_view(row)

        return await _answer(work)

    async def customer(self, request: Request) -> Response:
        def work() -> View:
            customer_id = whole_number(request.path_params["id"], "id")
            with self._database.read() as session:
                return _customer(session, customer_id)

        return await _answer(work)

    async def customer_orders(self, request: Request) -> Response:
        def work() -> View:
            customer_id = whole_number(request.path_params["id"], "id")
            with self._database.read() as session:
                _customer(session, customer_id)
                return {"customerId": customer_id, "orders": newest_orders(session, customer_id, PAGE_SIZE)}

        return await _answer(work)

    async def place_order(self, request: Request) -> Response:
        body = await _body(request)

        def work() -> View:
            wanted = new_order(body)
            with self._database.write() as session:
                return place_order(session, wanted)

        return await _answer(work, created="/orders/{id}")

    async def order(self, request: Request) -> Response:
        def work() -> View:
            wanted = order_id(request.path_params["id"])
            with self._database.read() as session:
                return find_order(session, wanted)

        return await _answer(work)

    async def change_status(self, request: Request) -> Response:
        body = await _body(request)

        def work() -> View:
            wanted, status = order_id(request.path_params["id"]), new_status(body)
            with self._database.write() as session:
                return change_status(session, wanted, status)

        return await _answer(work)

    async def sales(self, _: Request) -> Response:
        def work() -> View:
            with self._database.snapshot() as session:
                return sales_report(session)

        return await _answer(work)

    async def fingerprint(self, _: Request) -> Response:
        def work() -> View:
            with self._database.snapshot() as session:
                return fingerprint(session)

        return await _answer(work)


def _customer(session: Session, customer_id: int) -> View:
    row = session.row('SELECT * FROM "customer" WHERE "id" = ?', customer_id)
    if row is None:
        raise not_found(f"customer {customer_id}")
    return customer_view(row)


async def _body(request: Request) -> Any:
    """Return the JSON of a request, None where it holds none.

    Raises:
        ClientError: the body is too large, or no JSON.
    """
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > MAX_BODY:
            raise ClientError(413, "too_large", "the request's body is larger than 100 kB")
    if not request.headers.get("content-type", "").startswith("application/json"):
        return None
    try:
        return json.loads(content or b"{}", parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise ClientError(400, "bad_request", "the request cannot be read as JSON") from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


async def _answer(work: Callable[[], View], *, created: str = "") -> Response:
    view = await run_in_threadpool(work)
    if created:
        return JSONResponse(view, status_code=201, headers={"location": created.format(**view)})
    return JSONResponse(view)


# --- Errors as answers ---


def _error(error: ClientError) -> Response:
    headers = {"retry-after": RETRY_AFTER_SECONDS} if error.status == 503 else None
    return JSONResponse({"error": error.code, "message": error.message}, error.status, headers)


async def _known(_: Request, error: Exception) -> Response:
    assert isinstance(error, ClientError)
    return _error(error)


async def _unknown_path(request: Request, _: Exception) -> Response:
    path = request.scope["raw_path"].decode("ascii", "replace")
    return _error(not_found(f"{request.method} {path}"))


async def _database_failed(_: Request, error: Exception) -> Response:
    return _error(database_refusal(error) or _internal(error))


def _internal(error: Exception) -> ClientError:
    _log.error("a request failed", exc_info=error)
    return ClientError(500, "internal", "the shop failed to answer; the cause is in its log")


_ERRORS = {
    ClientError: _known,
    HTTPException: _unknown_path,
    sqlite3.Error: _database_failed,
    psycopg.Error: _database_failed,
}
