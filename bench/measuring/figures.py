"""Figures of a measurement: differences with intervals, percentiles of buckets, what clients saw."""

from __future__ import annotations

import math
import random
import statistics
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families


def interval(values: list[float], base: list[float]) -> tuple[float, float]:
    """The 90 % bootstrap interval of the difference of two medians."""
    chance = random.Random(1)
    drawn = sorted(
        statistics.median(chance.choices(values, k=len(values)))
        - statistics.median(chance.choices(base, k=len(base)))
        for _ in range(2000)
    )
    return drawn[100], drawn[1899]


def report(title: str, took: dict[str, list[float]], ours: str) -> None:
    """Print what each variant adds to the first one, and the others' ratios to ours."""
    base = next(iter(took.values()))
    print(f"\n{title}: processor time, us/request ({len(base)} rounds)")
    added = {}
    figures = {name: _figures(values) for name, values in took.items()}
    for name, values in took.items():
        least, quartile, median = figures[name]
        line = f"  {name:<36} min {least:7.1f}  p25 {quartile:7.1f}  median {median:7.1f}"
        if values is not base:
            added[name] = [mine - bare for mine, bare in zip(figures[name], _figures(base), strict=True)]
            low, high = interval(values, base)
            line += f"  added: {added[name][2]:+7.1f} ({low:+.1f} to {high:+.1f})"
            line += f"; by p25 {added[name][1]:+.1f}; by minimum {added[name][0]:+.1f}"
        print(line)
    for name, extra in added.items():
        if name != ours and min(added[ours]) > 0:
            least, quartile, median = (more / own for more, own in zip(extra, added[ours], strict=True))
            print(
                f"  {name} / {ours}: {median:.1f} by medians, {quartile:.1f} by p25, {least:.1f} by minimum"
            )


def _figures(values: list[float]) -> tuple[float, float, float]:
    """Minimum, lower quartile and median."""
    return min(values), statistics.quantiles(values, n=4)[0], statistics.median(values)


def bucket_quantile(bounds: dict[float, float], fraction: float) -> float | None:
    """What PromQL's histogram_quantile makes of cumulative buckets."""
    below, lower = 0.0, 0.0
    total = bounds.get(math.inf, 0.0)
    for bound, count in sorted(bounds.items()):
        if total and count >= fraction * total:
            if bound == math.inf:
                return lower
            return lower + (bound - lower) * (fraction * total - below) / (count - below)
        below, lower = count, bound
    return None


def of_exposition(text: str, histogram: str, counter: str, status: str) -> tuple[float | None, float | None]:
    """P95 in the histogram's unit and the share of 5xx in percent, of all series together."""
    bounds: dict[float, float] = {}
    answers: dict[bool, float] = {True: 0.0, False: 0.0}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == f"{histogram}_bucket":
                bound = float(sample.labels["le"])
                bounds[bound] = bounds.get(bound, 0.0) + sample.value
            elif sample.name == counter:
                answers[str(sample.labels[status]).startswith("5")] += sample.value
    total = sum(answers.values())
    return bucket_quantile(bounds, 0.95), 100 * answers[True] / total if total else None


@dataclass
class Truth:
    """What the clients saw: milliseconds of every answer, and whether it was a failure."""

    milliseconds: list[float] = field(default_factory=list)
    failed: int = 0
    left: int = 0

    def print(self, title: str) -> None:
        p95 = sorted(self.milliseconds)[math.ceil(0.95 * len(self.milliseconds)) - 1]
        error = 100 * self.failed / len(self.milliseconds)
        print(f"\n{title}")
        print(f"  {'the clients saw':<36} P95 {p95:7.1f} ms  errors {error:5.2f} %  ({self.left} left)")


def told(name: str, p95_ms: float | None, errors: float | None) -> None:
    shown = "   none" if p95_ms is None else f"{p95_ms:7.1f}"
    print(f"  {name:<36} P95 {shown} ms  errors {'none' if errors is None else f'{errors:5.2f} %'}")
