"""The document workers push: its shape, checked before anything of it is counted."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from monitor.middleware.buckets import LAST
from monitor.middleware.clients import MAX_RANK, REGISTERS
from monitor.middleware.recorder import ROUTE_CAP, STATEMENT_CAP
from monitor.middleware.statements import without_literals
from monitor.serve.counters import Counters, QueryCounts, RouteCounts, StatementCounts

if TYPE_CHECKING:
    from collections.abc import Mapping

#: No document a worker makes comes near it: 500 routes, 1,017 slots and the registers are some 80 kB.
MAX_PUSH_BYTES = 1 << 20

#: Counters stay exact in JavaScript's numbers up to 2^53.
_Count = Annotated[int, Field(ge=0, le=1 << 53)]
_Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Name = Annotated[str, Field(min_length=1, max_length=200)]
_RouteName = Annotated[str, Field(min_length=1, max_length=300)]
_Sql = Annotated[str, Field(min_length=1, max_length=4100)]
_Class = Literal["1xx", "2xx", "3xx", "4xx", "5xx"]


class _Part(BaseModel):
    """Unknown keys are ignored: a newer worker may say more than this sidecar knows."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Requests(_Part):
    """Finished requests by status class, aborted ones apart, and those running now."""

    total: _Count
    by_class: dict[_Class, _Count]
    aborted: _Count
    in_flight: Annotated[int, Field(ge=-(1 << 31), le=1 << 31)]


class Latency(_Part):
    """Latencies of finished requests by slot."""

    buckets: dict[Annotated[int, Field(ge=0, le=LAST)], _Count]
    sum_seconds: _Seconds
    count: _Count


class Route(_Part):
    """One route's finished requests."""

    count: _Count
    errors: _Count
    sum_seconds: _Seconds


class Clients(_Part):
    """Distinct clients of the last seconds, as HyperLogLog registers."""

    window_seconds: Annotated[float, Field(gt=0, le=86_400)]
    registers: bytes
    salt_id: Annotated[str, Field(max_length=100)] | None = None

    @field_validator("registers", mode="before")
    @classmethod
    def _decode(cls, value: object) -> bytes:
        if not isinstance(value, str):
            raise ValueError("registers are base64 text")  # noqa: TRY004  # what pydantic reports
        registers = base64.b64decode(value, validate=True)
        if len(registers) != REGISTERS or max(registers) > MAX_RANK:
            raise ValueError(f"registers are {REGISTERS} bytes of at most {MAX_RANK}")
        return registers


class Queries(_Part):
    """The application's statements."""

    count: _Count
    sum_seconds: _Seconds
    slow: _Count
    busy_errors: _Count
    buckets: dict[Annotated[int, Field(ge=0, le=LAST)], _Count] = {}


class SlowStatement(_Part):
    """One statement's slow executions; its SQL, without literals and comments, is the key it stands under."""

    count: _Count
    sum_seconds: _Seconds
    max_seconds: _Seconds


class Connections(_Part):
    """Connections now: open sockets (None where they cannot be counted), and of which kind some are."""

    open: _Count | None = None
    websockets: _Count = 0
    event_streams: _Count = 0


class EventLoop(_Part):
    """How long Node's event loop was held up, and how much of the time it was busy (0 to 1)."""

    delay_p99_ms: _Seconds
    utilization: Annotated[float, Field(ge=0, le=1)]


class PushDocument(_Part):
    """One worker's counters, cumulative since its start."""

    version: Literal[1]
    instance: _Name
    worker: _Name
    start_time: _Seconds
    seq: Annotated[int, Field(ge=0)]
    requests: Requests
    latency: Latency
    routes: Annotated[dict[_RouteName, Route], Field(max_length=2 * ROUTE_CAP)]
    clients: Clients | None = None
    queries: Queries | None = None
    event_loop: EventLoop | None = None
    slow_statements: Annotated[dict[_Sql, SlowStatement], Field(max_length=2 * STATEMENT_CAP)] = {}
    connections: Connections | None = None

    def counters(self) -> Counters:
        """Return what it counted as a value that adds up."""
        queries = self.queries
        return Counters(
            classes={str(name): count for name, count in self.requests.by_class.items()},
            aborted=self.requests.aborted,
            buckets={slot: count for slot, count in self.latency.buckets.items() if count},
            latency_seconds=self.latency.sum_seconds,
            routes=_routes(self.routes),
            queries=None
            if queries is None
            else QueryCounts(
                queries.count,
                queries.sum_seconds,
                queries.slow,
                queries.busy_errors,
                {slot: count for slot, count in queries.buckets.items() if count},
            ),
            statements=_statements(self.slow_statements),
        )


def _routes(pushed: Mapping[str, Route]) -> dict[str, RouteCounts]:
    """Take routes in; of what is an address with its query and no template, the query is not kept."""
    found: dict[str, RouteCounts] = {}
    for name, route in pushed.items():
        path, mark, query = name.partition("?")
        kept = path if mark and "=" in query else name
        found[kept] = found.get(kept, RouteCounts()) + RouteCounts(
            route.count, route.errors, route.sum_seconds
        )
    return found


def _statements(pushed: Mapping[str, SlowStatement]) -> dict[str, StatementCounts]:
    """Take statements in; workers send them without literals, and a worker that does not is not believed."""
    found: dict[str, StatementCounts] = {}
    for sql, slow in pushed.items():
        kept = without_literals(sql) if "'" in sql else sql
        counts = StatementCounts(slow.count, slow.sum_seconds, slow.max_seconds)
        found[kept] = found.get(kept, StatementCounts()) + counts
    return found


class PushAnswer(BaseModel):
    """The key of the day for hashing clients, so that all workers' registers agree."""

    salt: str
    salt_id: str
