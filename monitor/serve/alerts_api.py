"""The alerts' endpoint: every alert with its state, and how telling the receivers goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import FastAPI, Query, Response
from fastapi.responses import JSONResponse

from monitor.alerts.report import AlertsDocument, alerts_document
from monitor.alerts.states import AlertState  # noqa: TC001  # FastAPI resolves it at run time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.serve.sidecar import Sidecar

ALERTS_PATH = "/api/alerts"


def add_alerts(api: FastAPI, sidecar: Sidecar, headers: Mapping[str, str]) -> None:
    """Add the route to the endpoints."""

    @api.get(
        ALERTS_PATH,
        summary="Every alert with its state, firing ones first, and the receivers",
        tags=["alerts"],
        response_model=AlertsDocument,
    )
    async def alerts(
        state: Annotated[
            list[AlertState] | None, Query(description="Only alerts in these states; may be repeated")
        ] = None,
    ) -> Response:
        document = alerts_document(sidecar.published, sidecar.delivery.statuses())
        if state:
            document.alerts = [alert for alert in document.alerts if alert.state in state]
        return JSONResponse(document.model_dump(mode="json"), headers=dict(headers))
