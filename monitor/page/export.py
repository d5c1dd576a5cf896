"""What a page shows, as JSON or CSV. Pure."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from monitor.page.words import iso_time
from monitor.serve.published import metrics_document
from monitor.store.tiers import SERIES
from monitor.terminal import to_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from monitor.page.charts import Chart
    from monitor.page.seen import Seen


def as_json(seen: Seen, charts: Iterable[Chart]) -> dict[str, Any]:
    """Return the measurements, the judgement and every series drawn on the page."""
    return {
        "made_at": iso_time(seen.now),
        "until": iso_time(seen.end),
        "assessment": {**to_json(seen.published.assessment), "held": to_json(seen.published.held)},
        "measurements": metrics_document(seen.published),
        "series": [
            {"chart": chart, "series": series, "unit": SERIES[series].unit, "points": points}
            for chart, series, points in _series(charts)
        ],
    }


def as_csv(charts: Iterable[Chart]) -> str:
    """Return every series drawn on the page, one point a line; a point that is not known has none."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("time_utc", "epoch_s", "series", "unit", "value"))
    written = set()
    for _, series, points in _series(charts):
        for at, value in points:
            if (series, at) not in written:  # two charts of one page may share a series
                written.add((series, at))
                writer.writerow((iso_time(at), f"{at:.0f}", series, SERIES[series].unit, f"{value:.6g}"))
    return text.getvalue()


def _series(charts: Iterable[Chart]) -> Iterator[tuple[str, str, list[tuple[float, float]]]]:
    for chart in charts:
        for series, line in zip(chart.plan.series, chart.values, strict=True):
            points = [(at, value) for at, value in zip(chart.times, line, strict=True) if value is not None]
            yield chart.plan.id, series, points
