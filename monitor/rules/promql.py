"""Writing PromQL: strings that cannot end early, numbers that read back exactly, durations."""

from __future__ import annotations

from dataclasses import dataclass


def quote(text: str) -> str:
    """Write a string literal of PromQL."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def number(value: float) -> str:
    """Write a number so that it reads back exactly."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))


def duration(seconds: float) -> str:
    """Write seconds as Prometheus does, in its largest whole unit: 900 is "15m"."""
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s" if float(seconds).is_integer() else f"{round(seconds * 1000)}ms"


@dataclass(frozen=True)
class Target:
    """Whose series are meant.

    Args:
        job: the name of the scrape job.
    """

    job: str

    def series(self, name: str, **labels: str) -> str:
        """Write a selector of this job's series: `up{job="outgrow"}`."""
        matchers = [f"job={quote(self.job)}", *(f"{key}={quote(value)}" for key, value in labels.items())]
        return f"{name}{{{','.join(matchers)}}}"
