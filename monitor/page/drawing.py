"""A chart's lines as SVG geometry, for browsers without script. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from monitor.page.charts import Chart

#: The drawing's own units; it is stretched to the room it gets, strokes excepted.
WIDTH: Final = 600
HEIGHT: Final = 160
_MANY: Final = 36


@dataclass(frozen=True)
class Drawing:
    """What stands in the SVG: a path and the single dots of each series, the heights of level lines."""

    paths: tuple[str, ...]
    levels: tuple[tuple[str, str], ...]


def draw(chart: Chart) -> Drawing:
    """Turn a chart into paths; a point without neighbours becomes a short stroke, so that it shows."""
    length = max(chart.end - chart.begin, 1.0)

    def place(at: float, value: float) -> tuple[float, float]:
        x = (at - chart.begin) / length * WIDTH
        y = HEIGHT - value / chart.top * HEIGHT
        return min(max(x, 0.0), WIDTH), min(max(y, 0.0), HEIGHT)

    # Some forty points are enough for a still drawing; the script has all of them.
    each = 1 + len(chart.times) // _MANY
    paths = []
    for line in chart.values:
        pieces: list[list[tuple[float, float]]] = [[]]
        for at, value in zip(chart.times, line, strict=True):
            if value is not None:
                pieces[-1].append(place(at, value))
            elif pieces[-1]:
                pieces.append([])
        paths.append("".join(_piece(_thinned(piece, each)) for piece in pieces if piece))
    levels = tuple((level.kind, _short(place(chart.begin, level.value)[1])) for level in chart.levels)
    return Drawing(tuple(paths), levels)


def _thinned(points: list[tuple[float, float]], each: int) -> list[tuple[float, float]]:
    """Keep one of so many points, and the last: it is what the numbers beside the chart say."""
    return points[:-1:each] + points[-1:]


def _piece(points: Iterable[tuple[float, float]]) -> str:
    texts = [f"{x:.0f} {_short(y)}" for x, y in points]
    if len(texts) == 1:
        return f"M{texts[0]}h2"
    return f"M{' '.join(texts)}"


def _short(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
