"""Values as people read them."""

from __future__ import annotations

import pytest

from monitor.units import show


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("database_size_bytes", 0, "0 B"),
        ("database_size_bytes", 999, "999 B"),
        ("database_size_bytes", 52_428_800, "52.4 MB"),
        ("database_size_bytes", 1e9, "1 GB"),
        ("database_size_bytes", 2.5e13, "25 TB"),
        ("p95_ms", 245.8, "245.8 ms"),
        ("p95_ms", 0.25, "0.25 ms"),
        ("p95_ms", 12345.6, "12,346 ms"),
        ("concurrent_users", 1348.4, "1,348"),
        ("error_rate_percent", 0.5, "0.5 %"),
        ("memory_percent", 31.36, "31.4 %"),
        ("writes_per_second", 50, "50/s"),
        ("requests_per_second", 12.5, "12.5/s"),
        ("cpu_percent", None, "\N{EN DASH}"),
    ],
)
def test_values_are_written_with_their_unit(metric: str, value: float | None, text: str) -> None:
    assert show(metric, value) == text
