"""The shapes of the endpoints' answers, for their OpenAPI; a test holds real answers against them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from monitor.alerts.evaluation import ActiveAlert  # pydantic resolves it at run time
from monitor.assessment import Decision, Light
from monitor.thresholds import Category


class Problem(BaseModel):
    """Why a request was refused."""

    model_config = ConfigDict(json_schema_extra={"example": {"error": "a bearer token is needed"}})

    error: str


class Health(BaseModel):
    """Whether the sidecar evaluates in time."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"status": "ok", "light": "green", "evaluations": 42}}
    )

    status: Literal["ok", "late"]
    light: Light
    evaluations: int


class Readiness(BaseModel):
    """Whether what it answers can be relied on: evaluated in time, from a database it can read."""

    model_config = ConfigDict(json_schema_extra={"example": {"ready": True, "reasons": []}})

    ready: bool
    reasons: list[str]


class _Open(BaseModel):
    """More keys may follow; those named here stay."""

    model_config = ConfigDict(extra="allow")


class MetricDocument(_Open):
    """One metric's value beside its limits, in its unit."""

    title: str
    value: Annotated[float | None, Field(description="null while it is not known, never 0 for that")]
    unit: str
    stay: float
    urgent: float | None
    category: Category | None
    in_matrix: bool
    window_s: float | None
    samples: int | None
    age_s: float | None
    note: str


class RequestsDocument(_Open):
    """Finished requests since the workers' start."""

    total: int
    by_class: dict[str, int]


class ResponseTimeDocument(_Open):
    """Response times over the window, in milliseconds."""

    average_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


class RouteDocument(_Open):
    """One route template."""

    route: str
    count: int
    errors: int
    total_seconds: float
    average_ms: float | None


class HttpDocument(_Open):
    """What the request middleware counted."""

    requests: RequestsDocument
    aborted: int
    in_flight: int
    response_time: ResponseTimeDocument
    routes: list[RouteDocument]
    workers: list[dict[str, Any]]


class AlertListDocument(_Open):
    """Alerts that are raised at this moment, and all there are."""

    active: list[ActiveAlert]
    all: list[dict[str, Any]]


class MetricsDocument(_Open):
    """Every measurement beside its limits, and what they rest on."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {
                "taken_at": 1764072000.0,
                "phase": "phase-1",
                "profile": "default",
                "scale": 1.0,
                "score": 72.4,
                "light": "yellow",
                "decision": "plan",
                "coverage": 1.0,
                "metrics": {
                    "p95_ms": {
                        "title": "Response time P95",
                        "value": 245.8,
                        "unit": "ms",
                        "stay": 200.0,
                        "urgent": 500.0,
                        "category": "plan",
                        "in_matrix": True,
                        "window_s": 300.0,
                        "samples": 3750,
                        "age_s": 0.0,
                        "note": "",
                    }
                },
                "http": {
                    "requests": {"total": 3750, "by_class": {"2xx": 3748, "5xx": 2}},
                    "aborted": 0,
                    "in_flight": 1,
                    "response_time": {
                        "average_ms": 88.1,
                        "p50_ms": 61.0,
                        "p95_ms": 245.8,
                        "p99_ms": 410.2,
                    },
                    "routes": [],
                    "workers": [],
                },
                "alerts": {"active": [], "all": []},
                "monitor": {"version": "0.1.0", "evaluations": 42},
            }
        },
    )

    taken_at: float
    phase: str
    profile: str
    scale: float
    score: float | None
    light: Light
    decision: Decision
    coverage: float
    metrics: dict[str, MetricDocument]
    http: HttpDocument
    database: dict[str, Any] | None = None
    system: dict[str, Any] | None = None
    alerts: AlertListDocument
    monitor: dict[str, Any]
