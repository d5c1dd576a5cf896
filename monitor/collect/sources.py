"""What is read beside the database and the machine: a fleet's Prometheus, a cache, the cloud."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from monitor.collect import fleet, redis_probe
from monitor.collect.background import Background
from monitor.collect.cloudwatch import EVERY_S as CLOUDWATCH_EVERY_S
from monitor.collect.cloudwatch import CloudReading, CloudWatch, parse_resource
from monitor.collect.fleet import Fleet, FleetReading
from monitor.collect.prometheus_http import BadPrometheus, Credentials, PrometheusApi
from monitor.collect.promql import parse_matcher
from monitor.collect.redis_probe import CacheReading, RedisProbe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from monitor.collect.window import Windows
    from monitor.snapshot import Measurement

#: What the database itself tells better than a Prometheus that has it from elsewhere.
_OF_THE_DATABASE = frozenset({"database_size_bytes", "writes_per_second", "average_query_ms"})


@dataclass(frozen=True)
class PrometheusOptions:
    """Which Prometheus, which instances, how it knows us.

    Args:
        url: its address.
        labels: matchers, such as job=shop.
        credentials: a token or AWS's signature.
        queries: a file of PromQL by metric id, instead of ours.
        tenant: whose series, where one Mimir, Cortex or Thanos serves many.
        insecure: send credentials without encryption to another machine, too.
    """

    url: str
    labels: tuple[str, ...] = ()
    credentials: Credentials = field(default_factory=Credentials)
    queries: Path | None = None
    tenant: str | None = None
    insecure: bool = False

    def fleet(self, windows: Windows) -> Fleet:
        """Make what reads it.

        Raises:
            BadPrometheus: the address, or its credentials, cannot be used.
            BadMatcher: a label matcher is none.
            BadQueries: the file of queries cannot be used.
        """
        matchers = [parse_matcher(text) for text in self.labels]
        own = {} if self.queries is None else fleet.load_queries(self.queries)
        api = PrometheusApi(self.url, self.credentials, tenant=self.tenant, insecure=self.insecure)
        return Fleet(
            api,
            api.shown,
            matchers=matchers,
            window_s=windows.requests_s,
            writes_s=windows.writes_s,
            own=own,
        )


@dataclass(frozen=True)
class SourceOptions:
    """What else to read; nothing by default.

    Args:
        prometheus: a fleet's.
        redis: an address, which appears in no output.
        cloudwatch: KIND=NAME.
        region: AWS's.
        cloudwatch_every_s: seconds between two calls, which AWS bills.
    """

    prometheus: PrometheusOptions | None = None
    redis: str | None = None
    cloudwatch: tuple[str, ...] = ()
    region: str | None = None
    cloudwatch_every_s: float = CLOUDWATCH_EVERY_S


class Sources:
    """What is read in the background.

    Args:
        prometheus: a fleet's metrics.
        cache: a Redis.
        cloud: CloudWatch.
    """

    def __init__(
        self,
        prometheus: Background[FleetReading] | None = None,
        cache: Background[CacheReading] | None = None,
        cloud: Background[CloudReading] | None = None,
    ) -> None:
        self._prometheus = prometheus
        self._cache = cache
        self._cloud = cloud

    @property
    def is_fleet(self) -> bool:
        """Whether a Prometheus is read: then this machine is not the application's."""
        return self._prometheus is not None

    @property
    def fleet(self) -> FleetReading | None:
        """The last round of queries."""
        read: FleetReading | None = _last(self._prometheus)
        return read

    @property
    def cache(self) -> CacheReading | None:
        """The last look at the cache."""
        read: CacheReading | None = _last(self._cache)
        return read

    @property
    def cloud(self) -> CloudReading | None:
        """The last call of CloudWatch."""
        read: CloudReading | None = _last(self._cloud)
        return read

    def complete(self, measured: Mapping[str, Measurement]) -> dict[str, Measurement]:
        """Add what is read here to what was measured beside the application.

        A fleet's Prometheus goes first, except for what the database itself tells. CloudWatch comes in only
        where nobody else knows.

        Args:
            measured: by metric id.
        """
        metrics = dict(measured)
        read = None if self._prometheus is None else self._prometheus.latest()
        if read is not None:
            for metric, value in read.value.metrics.items():
                known = metrics.get(metric)
                own = metric in _OF_THE_DATABASE and known is not None and known.number is not None
                if not own:
                    metrics[metric] = _older(value, read.age_s)
        cloud = None if self._cloud is None else self._cloud.latest()
        if cloud is not None:
            for metric, value in cloud.value.measurements(cloud.age_s).items():
                known = metrics.get(metric)
                if known is None or known.number is None:
                    metrics[metric] = value
        return metrics

    def facts(self) -> dict[str, Any]:
        """Return what advice rests on, as arguments of `Facts`."""
        fleet_read, cache = self.fleet, self.cache
        return {
            **({} if fleet_read is None else fleet_read.facts()),
            **({} if cache is None else cache.facts()),
        }

    def details(self) -> dict[str, float]:
        """Return what belongs to the phase's own metrics, by name; a fleet's Prometheus goes first."""
        fleet_read, cloud = self.fleet, self.cloud
        return {
            **({} if cloud is None else cloud.details()),
            **({} if fleet_read is None else fleet_read.phase),
        }

    def close(self) -> None:
        """End the readings."""
        for source in (self._prometheus, self._cache, self._cloud):
            if source is not None:
                source.close()


def prometheus_options(
    url: str | None,
    labels: Sequence[str],
    queries: Path | None,
    credentials: Credentials,
    *,
    tenant: str | None = None,
    insecure: bool = False,
) -> PrometheusOptions | None:
    """Put the options of a Prometheus together; None without one.

    Raises:
        BadPrometheus: options of a Prometheus without its address, or two ways to be known.
    """
    ways = (credentials.token, credentials.token_file, credentials.sigv4_region)
    given = sum(way is not None for way in ways)
    if url is None:
        if labels or queries is not None or given or tenant is not None:
            raise BadPrometheus(
                "the options of a Prometheus lack its address", next_step="give --prometheus URL"
            )
        return None
    if given > 1:
        raise BadPrometheus(
            "Prometheus can know us in one way only",
            next_step="give one of --prometheus-token-env, --prometheus-token-file, --prometheus-sigv4",
        )
    return PrometheusOptions(url, tuple(labels), credentials, queries, tenant, insecure)


def open_sources(options: SourceOptions, windows: Windows) -> Sources:
    """Open what is asked for, read each once, and begin to read in the background.

    Prometheus may be away at the start: its metrics are unknown until it answers.

    Args:
        options: what to read.
        windows: over how many seconds; three intervals are the longest pause between rounds.

    Raises:
        BadPrometheus, BadMatcher, BadQueries, BadRedisAddress, BadCloudResource: an option cannot be used.
        CacheUnreachable: Redis does not answer.
        CloudUnreadable: AWS has no credentials here, or refuses.
    """
    resources = [parse_resource(text) for text in options.cloudwatch]
    redis = None if options.redis is None else RedisProbe(options.redis)
    prometheus = None if options.prometheus is None else options.prometheus.fleet(windows)
    if redis is not None:
        redis.check()
    cloud = CloudWatch(resources, options.region) if resources else None
    if cloud is not None:
        cloud.check()
    opened = Sources(
        None
        if prometheus is None
        else Background(
            prometheus.read, min(fleet.EVERY_S, windows.stale_s), "prometheus", close=prometheus.close
        ),
        None if redis is None else Background(redis.read, redis_probe.EVERY_S, "redis", close=redis.close),
        None if cloud is None else Background(cloud.read, options.cloudwatch_every_s, "cloudwatch"),
    )
    for source in (opened._prometheus, opened._cache, opened._cloud):  # noqa: SLF001  # they are made here
        if source is not None:
            source.read_now()
            source.start()
    return opened


def _last(source: Background[Any] | None) -> Any:
    read = None if source is None else source.latest()
    return None if read is None else read.value


def _older(value: Measurement, seconds: float) -> Measurement:
    return replace(value, age_s=round(value.age_s + seconds, 3))
