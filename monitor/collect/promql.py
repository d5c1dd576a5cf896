"""The queries that read a fleet's metrics from Prometheus. Pure: label matchers in, PromQL out.

They use the conventional names that every sidecar exposes, never the mission's: a monitor that reads
Prometheus exposes the latter itself, and must not read its own answer when it is scraped too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from monitor.errors import MonitorError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MATCHER: Final = re.compile(
    r"(?P<name>[a-zA-Z_][a-zA-Z0-9_]*)(?P<operator>=~|!~|!=|=)(?P<value>.*)", re.DOTALL
)
#: The time of queries, as the database and as the application count it.
_DATABASE_QUERIES: Final = "scalability_database_query_duration_seconds_total"
_OWN_QUERIES: Final = "scalability_query_duration_seconds_total"
#: The metrics that only some phases have: ours, or what the usual exporters call the same (postgres_exporter,
#: the CloudWatch exporter, prom-client), by metric id: a factor, the aggregation, the series in that order.
_PHASE_SERIES: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "connections_percent": (
        "100 * max({})",
        ("scalability_database_connections_used_ratio",),
    ),
    "replication_lag_seconds": (
        "max({})",
        (
            "scalability_database_replication_lag_seconds",
            "scalability_aws_replica_lag_seconds",
            "pg_replication_lag_seconds",
        ),
    ),
    "database_cpu_percent": (
        "max({})",
        ("scalability_aws_database_cpu_percent", "aws_rds_cpuutilization_average"),
    ),
    "writer_occupancy_percent": ("100 * max({})", ("scalability_database_writer_occupancy_ratio",)),
    "event_loop_delay_ms": (
        "1000 * max({})",
        ("nodejs_eventloop_delay_p99_seconds", "nodejs_eventloop_lag_p99_seconds"),
    ),
}
#: PromQL's escapes inside double quotes.
_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class BadMatcher(MonitorError, UsageError):
    """A label matcher that PromQL would not understand."""


@dataclass(frozen=True)
class Matcher:
    """One condition on a label.

    Args:
        name: of the label.
        operator: "=", "!=", "=~" or "!~".
        value: as it is, not escaped.
    """

    name: str
    operator: str
    value: str

    def __str__(self) -> str:
        """Return it as PromQL, the value escaped: nothing in it can end the string."""
        return f'{self.name}{self.operator}"{"".join(_ESCAPES.get(sign, sign) for sign in self.value)}"'


def parse_matcher(text: str) -> Matcher:
    """Read NAME=VALUE, NAME!=VALUE, NAME=~REGEX or NAME!~REGEX; the value stands without quotes.

    Raises:
        BadMatcher: it is none of these, or the regular expression is none.
    """
    found = _MATCHER.fullmatch(text)
    if found is None or found["name"] == "__name__":
        raise BadMatcher(
            f"{text!r} is not a label matcher",
            why="a matcher is a label's name, one of = != =~ !~, and a value without quotes",
            next_step="write it like --prometheus-label job=shop",
        )
    if found["operator"] in ("=~", "!~"):
        try:
            re.compile(found["value"])
        except re.error as error:
            raise BadMatcher(f"{text!r} is not a regular expression", why=str(error)) from None
    return Matcher(found["name"], found["operator"], found["value"])


@dataclass(frozen=True)
class FleetQueries:
    """The queries, all over the same instances.

    Args:
        matchers: which instances.
        window_s: of requests, errors, response times and query times.
        writes_s: of writes.
        own: PromQL that stands in for ours, by metric id.
    """

    matchers: Sequence[Matcher]
    window_s: float
    writes_s: float
    own: Mapping[str, str]

    def all(self) -> dict[str, str]:
        """Return every query by what it answers: metric ids, and names that begin with a dot."""
        window, writes = _duration(self.window_s), _duration(self.writes_s)
        requests = f"rate({self._series('http_requests_total')}[{window}])"
        seconds = f"sum(rate({self._series('http_request_duration_seconds_sum')}[{window}]))"
        answered = f"sum(rate({self._series('http_request_duration_seconds_count')}[{window}]))"
        sizes = self._series("scalability_database_size_bytes", 'file!="shm"')
        written = self._series("scalability_database_writes_total")
        queries = {
            ".samples": self.samples(self.window_s),
            "p95_ms": self.quantile(0.95, self.window_s),
            "error_rate_percent": self.errors(self.window_s),
            "requests_per_second": f"sum({requests})",
            # Each sidecar counts its clients apart: one that uses two servers counts twice.
            "concurrent_users": f"sum({self._series('scalability_concurrent_users')})",
            # Several sidecars may watch one database, so the greatest is the database's own.
            "database_size_bytes": f"max(sum without (file) ({sizes}))",
            # Scraped once a minute, a minute holds one sample only, which makes no rate.
            "writes_per_second": f"max(rate({written}[{writes}])) or max(rate({written}[{window}]))",
            "average_query_ms": f"{self._average(_DATABASE_QUERIES, window)}"
            f" or {self._average(_OWN_QUERIES, window)}",
            "cpu_percent": f"100 * max({self._series('scalability_cpu_usage_ratio')})",
            "memory_percent": f"100 * max({self._series('scalability_memory_usage_ratio')})",
            ".p50_ms": self.quantile(0.5, self.window_s),
            ".p99_ms": self.quantile(0.99, self.window_s),
            ".average_ms": f"1000 * {seconds} / {answered}",
            ".busy": f"sum(increase({self._series('scalability_busy_errors_total')}[{window}]))",
            ".age_s": f"time() - max(timestamp({self._series('http_requests_total')}))",
        }
        for metric, (form, names) in _PHASE_SERIES.items():
            queries[metric] = " or ".join(form.format(self._series(name)) for name in names)
        return {**queries, **self.own}

    def samples(self, seconds: float) -> str:
        """How many requests finished."""
        return f"sum(increase({self._series('http_requests_total')}[{_duration(seconds)}]))"

    def quantile(self, fraction: float, seconds: float) -> str:
        """Return a quantile of the response times, in milliseconds."""
        buckets = f"rate({self._series('http_request_duration_seconds_bucket')}[{_duration(seconds)}])"
        return f"1000 * histogram_quantile({fraction:g}, sum by (le) ({buckets}))"

    def errors(self, seconds: float) -> str:
        """Return the share of 5xx answers, in percent; where there is none, the series does not exist."""
        every = f"sum(rate({self._series('http_requests_total')}[{_duration(seconds)}]))"
        failed = self._series("http_requests_total", 'status_class="5xx"')
        return f"100 * (sum(rate({failed}[{_duration(seconds)}])) or 0 * {every}) / {every}"

    def _average(self, total: str, window: str) -> str:
        """Return the mean time of a query, in milliseconds, of the instance where it is longest."""
        count = total.replace("query_duration_seconds", "queries")
        return (
            f"max(1000 * rate({self._series(total)}[{window}]) / (rate({self._series(count)}[{window}]) > 0))"
        )

    def _series(self, name: str, *conditions: str) -> str:
        every = ",".join([*conditions, *map(str, self.matchers)])
        return f"{name}{{{every}}}" if every else name


def _duration(seconds: float) -> str:
    return f"{max(round(seconds * 1000), 1)}ms"
