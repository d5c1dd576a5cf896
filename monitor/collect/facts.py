"""The facts of a reading that advice and alerts rest on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from monitor.collect.reading import DatabaseReading

#: Which detail of a database is which fact.
_FACTS: Final = {
    "writer_occupancy": "writer_occupancy_ratio",
    "longest_write_s": "longest_write_transaction_seconds",
    "checkpoint_backlog_bytes": "checkpoint_backlog_bytes",
    "pinned_reader_s": "pinned_reader_seconds",
    "stale_statistics": "tables_with_stale_statistics",
    "connections_used": "connections_used_ratio",
    "database_cache_hit": "cache_hit_ratio",
    "longest_transaction_s": "longest_transaction_seconds",
    "connections_waiting": "connections_waiting",
    "replication_lag_s": "replication_lag_seconds",
    "dead_rows": "dead_rows_ratio",
}


def database_facts(reading: DatabaseReading | None) -> dict[str, Any]:
    """Return the facts of a reading, as arguments of `Facts`."""
    if reading is None:
        return {}
    found: dict[str, Any] = {"database": reading.database, "journal_mode": reading.journal_mode}
    for fact, detail in _FACTS.items():
        if detail in reading.details:
            found[fact] = float(reading.details[detail])
    return found
