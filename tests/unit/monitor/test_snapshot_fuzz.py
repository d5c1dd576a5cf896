"""Any file given to `assess --snapshot` is one clear error or an honest judgement, never a traceback."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import monitor.cli
from monitor.errors import ExitCode, OutgrowError
from monitor.snapshot import BadSnapshot
from monitor.thresholds import ALL_METRICS

if TYPE_CHECKING:
    from pathlib import Path

app = typer.Typer()
monitor.cli.register(app)

#: The mission's decision matrix for SQLite, written once more by hand: stay below, urgent above.
MATRIX = {
    "concurrent_users": (500, 1000),
    "database_size_bytes": (1e9, 5e9),
    "p95_ms": (200, 500),
    "error_rate_percent": (1, 5),
    "writes_per_second": (50, 100),
}
#: Each example runs the whole command, which reads the stack files anew.
QUICK = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def expected(metrics: dict[str, Any]) -> str:
    """Decide by the matrix: urgent whatever is missing, unknown while anything is, plan from stay on."""
    known = {name: metrics.get(name) for name in MATRIX}
    if any(value is not None and value > MATRIX[name][1] for name, value in known.items()):
        return "urgent"
    if any(value is None for value in known.values()):
        return "unknown"
    return "plan" if any(known[name] >= stay for name, (stay, _) in MATRIX.items()) else "stay"


def around(stay: float, urgent: float) -> st.SearchStrategy[float | None]:
    """Values near both limits, on them, beside them by one bit, anywhere, and none."""
    edges = [0.0, stay, urgent, math.nextafter(stay, 0), math.nextafter(urgent, math.inf)]
    return st.one_of(st.none(), st.sampled_from(edges), st.floats(0, 3 * urgent), st.floats(0, stay * 0.99))


def assessed(path: Path, content: bytes) -> Any:
    """Return the judgement as JSON, or the error; anything else that is raised fails."""
    path.write_bytes(content)
    result = CliRunner().invoke(app, ["assess", "--snapshot", str(path), "--json"])
    if result.exception is None:
        assert result.exit_code == 0
        return json.loads(result.output)
    if not isinstance(result.exception, OutgrowError):
        raise result.exception
    return result.exception


@QUICK
@given(
    matrix=st.fixed_dictionaries({name: around(*limits) for name, limits in MATRIX.items()}),
    others=st.dictionaries(
        st.sampled_from(sorted(set(ALL_METRICS) - set(MATRIX))), st.none() | st.floats(0, 1e6), max_size=4
    ),
    absent=st.sets(st.sampled_from(sorted(MATRIX)), max_size=1),
)
def test_the_decision_is_the_matrixs_whatever_else_is_measured(
    tmp_path: Path, matrix: dict[str, Any], others: dict[str, Any], absent: set[str]
) -> None:
    metrics = {name: value for name, value in {**matrix, **others}.items() if name not in absent}
    document = {"phase": "phase-1", "metrics": metrics}
    found = assessed(tmp_path / "one.json", json.dumps(document).encode())
    assert found["decision"] == expected(metrics)
    judged = {metric["id"]: metric for metric in found["metrics"]}
    for name in MATRIX:
        assert judged[name]["value"] == metrics.get(name)
        assert (judged[name]["utility"] is None) == (metrics.get(name) is None)
    if found["decision"] == "unknown":
        assert found["light"] in ("unknown", "red")  # red by what the matrix does not hold
    if found["decision"] == "urgent":
        assert (found["light"], found["score"] < 60) == ("red", True)


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(10**300, 10**320),
    st.floats(allow_nan=True, allow_infinity=True),
    st.text(max_size=8),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(
        st.sampled_from(["value", "unit", "window_s", "samples", "age_s", "note", "ci", "x"]),
        st.one_of(st.none(), st.floats(), st.text(max_size=3), st.lists(st.floats(), max_size=3)),
        max_size=4,
    ),
)
KEYS = st.one_of(st.sampled_from(sorted(ALL_METRICS)), st.text(max_size=6))
DOCUMENTS = st.one_of(
    ODD,
    st.fixed_dictionaries(
        {},
        optional={
            "metrics": st.dictionaries(KEYS, ODD, max_size=3) | ODD,
            "phase": st.sampled_from(["phase-1", "phase-2", "phase-9", "../phase-1", "", None, 3]),
            "profile": st.sampled_from(["auto", "default", "odd", 3]),
            "taken_at": ODD,
            "facts": st.dictionaries(st.sampled_from(["dead_rows", "shape", "write_share", "?"]), ODD),
        },
    ),
)


@QUICK
@given(st.one_of(st.binary(max_size=60), DOCUMENTS.map(lambda document: json.dumps(document).encode())))
def test_whatever_a_file_holds_is_one_clear_error_or_a_judgement(tmp_path: Path, content: bytes) -> None:
    found = assessed(tmp_path / "odd.json", content)
    if isinstance(found, OutgrowError):
        assert found.exit_code == ExitCode.WRONG_USAGE
        assert str(found).strip()
        return
    given_metrics = json.loads(content)["metrics"]
    for metric in found["metrics"]:
        stated = given_metrics.get(metric["id"])
        stated = stated.get("value") if isinstance(stated, dict) else stated
        assert metric["value"] == stated
        assert stated is None or (isinstance(stated, int | float) and 0 <= stated < math.inf)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"metrics": {"p95_ms": NaN}}',
        b'{"metrics": {"p95_ms": -Infinity}}',
        b'{"metrics": {"p95_ms": 1e999}}',
        b'{"metrics": {"p95_ms": -0.1}}',
        b'{"metrics": {"p95_ms": true}}',
        b'{"metrics": {"p95_ms": "120"}}',
        b'{"metrics": {"p59_ms": 120}}',
        b'{"metrics": {"p95_ms": 1, "p95_ms": 2}}',
        b'{"metrics": {"p95_ms": ' + b"9" * 5000 + b"}}",
        b'{"metrics": []}',
        b"{}",
    ],
)
def test_what_is_no_snapshot_is_refused_with_a_reason(tmp_path: Path, content: bytes) -> None:
    found = assessed(tmp_path / "none.json", content)
    assert isinstance(found, BadSnapshot)
    assert str(found)
