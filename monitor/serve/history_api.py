"""The history's endpoint: one series over some time, never more than a bounded number of points."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

from fastapi import FastAPI, Query, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from monitor.store.history import History, UnknownSeries
from monitor.store.tiers import MAX_POINTS, SERIES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from monitor.serve.sidecar import Sidecar
    from monitor.thresholds import Thresholds

_DEFAULT_S = 6 * 3600


class PointDocument(BaseModel):
    """The mean, least and greatest value of one step, and the evaluations it rests on."""

    at: float
    value: float
    low: float
    high: float
    samples: int


class HistoryDocument(BaseModel):
    """One series: where two points lie further apart than `step_s`, nothing is known between them."""

    metric: str
    title: str
    unit: str
    since: float
    until: float
    step_s: int
    stay: float | None
    urgent: float | None
    points: list[PointDocument]


class HistoryProblem(BaseModel):
    """Why a request was refused."""

    error: str


def history_document(
    history: History, thresholds: Thresholds, metric: str, since: float | None, step: float | None
) -> HistoryDocument:
    """Read one series.

    Args:
        history: where it is kept.
        thresholds: the limits to show beside it.
        metric: a series of `store.tiers.SERIES`.
        since: seconds since the epoch; negative counts back from now; six hours ago by default.
        step: seconds of a point; None picks one.

    Raises:
        UnknownSeries: there is no such series.
    """
    if metric not in SERIES:
        raise UnknownSeries(f"there is no such series; there are: {', '.join(SERIES)}")
    now = time.time()
    since = -_DEFAULT_S if since is None else since
    begin = max(now + since if since < 0 else since, 0.0)
    line = history.series(metric, since=begin, step=step, until=now)
    limit = thresholds.limits.get(metric)
    return HistoryDocument(
        metric=metric,
        title=SERIES[metric].title,
        unit=SERIES[metric].unit,
        since=min(begin, now),
        until=now,
        step_s=line.step_s,
        stay=limit.stay if limit else None,
        urgent=limit.urgent if limit else None,
        points=[
            PointDocument(at=p.at, value=p.value, low=p.low, high=p.high, samples=p.samples)
            for p in line.points
        ],
    )


def add_history(api: FastAPI, prefix: str, sidecar: Sidecar, headers: Mapping[str, str]) -> None:
    """Add the route to the endpoints."""

    @api.get(
        f"{prefix}/history",
        summary=f"One series over time, at most {MAX_POINTS} points",
        response_model=HistoryDocument,
        responses={400: {"model": HistoryProblem, "description": "There is no such series"}},
    )
    def read(
        metric: Annotated[
            str, Query(description="The series", json_schema_extra={"enum": list(SERIES)}, max_length=64)
        ],
        since: Annotated[
            float | None,
            Query(
                description="Seconds since the epoch; negative counts back from now; six hours by default",
                allow_inf_nan=False,
                ge=-1e12,
                le=1e12,
            ),
        ] = None,
        step: Annotated[
            float | None,
            Query(
                description="Seconds of a point; widened where that would be too many points",
                gt=0,
                le=1e9,
                allow_inf_nan=False,
            ),
        ] = None,
    ) -> Response:
        try:
            document = history_document(sidecar.history, sidecar.published.thresholds, metric, since, step)
        except UnknownSeries as error:
            return JSONResponse({"error": error.what}, 400, headers=dict(headers))
        return JSONResponse(document.model_dump(), headers=dict(headers))
