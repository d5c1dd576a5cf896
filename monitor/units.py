"""How measured values are written for people."""

from __future__ import annotations

from monitor.store.tiers import SERIES
from monitor.thresholds import ALL_METRICS

_SIZES = (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


def show(metric: str, value: float | None) -> str:
    """Write a metric's value with its unit: "1.2 GB", "245.8 ms", "53/s", "0.4 %"; a dash when unknown."""
    return show_amount(ALL_METRICS[metric].unit, value)


def show_amount(unit: str, value: float | None) -> str:
    """Write a value of any unit, those of series that are no metrics ("points") included."""
    if value is None:
        return "–"  # noqa: RUF001  # the sign for "no value", not a hyphen
    match unit:
        case "bytes":
            return show_bytes(value)
        case "users":
            return f"{value:,.0f}"
        case "%":
            return f"{_short(value)} %"
        case "ms":
            return f"{_short(value)} ms"
        case "s":
            return f"{_short(value)} s"
        case "points":
            return f"{value:.1f}".removesuffix(".0")
        case _:
            return f"{_short(value)}/s"


def show_series(series: str, value: float | None) -> str:
    """Write a value of any series of the history: a metric's as `show`, points and rates likewise."""
    if series in ALL_METRICS or value is None:
        return show(series, value)
    units = {"ms": " ms", "%": " %", "requests/s": "/s"}
    return f"{_short(value)}{units.get(SERIES[series].unit, '')}"


def show_bytes(value: float) -> str:
    """Write a size in decimal units, as the roadmap's limits are."""
    for name, size in _SIZES:
        if value >= size:
            return f"{_short(value / size)} {name}"
    return f"{value:.0f} B"


def _short(value: float) -> str:
    """Keep what matters: two digits below ten, one below a hundred, none above a thousand."""
    digits = 2 if abs(value) < 10 else 1 if abs(value) < 1000 else 0
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
