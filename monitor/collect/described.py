"""What each number of a reading is, once: the exposition's HELP, the documentation and the page read it."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Numbers of the moment about the database, by name; exposed as scalability_database_NAME.
DETAILS: Final[Mapping[str, str]] = MappingProxyType(
    {
        # SQLite
        "page_size_bytes": "Bytes in a page.",
        "free_pages": "Pages that hold nothing, as of the last checkpoint.",
        "free_bytes": "Bytes in pages that hold nothing, as of the last checkpoint.",
        "wal_frames": "Pages in the write-ahead log.",
        "checkpoint_backlog_frames": "Pages of the log that no checkpoint has copied yet.",
        "checkpoint_backlog_bytes": "Bytes of the log that no checkpoint has copied yet.",
        "readers": "Read marks in use at the last look.",
        "pinned_reader_seconds": "How long the oldest reader has held up checkpoints; 0 without one.",
        "pinned_reader_frames": "Pages written since what that reader sees.",
        "writer_occupancy_ratio": "Share of the time that the single writer's lock is held, 0 to 1.",
        "writer_samples": "Moments the writer's occupancy rests on.",
        "longest_write_transaction_seconds": "Longest write transaction seen in a minute, a lower bound.",
        "open_handles": "Descriptors that processes have open on the database's files.",
        "open_processes": "Processes that have the database open.",
        "application_memory_bytes": "Resident memory of the processes that have the database open.",
        "tables_with_stale_statistics": "Indexed tables whose ANALYZE is missing or off tenfold.",
        # PostgreSQL
        "connections": "Connections of clients to the database, the monitor's own left out.",
        "connections_server": "Connections of clients to the whole server.",
        "connections_max": "Connections that the server admits, without those reserved for superusers.",
        "connections_used_ratio": "Share of the admitted connections that is in use, 0 to 1.",
        "connections_active": "Connections that run a statement.",
        "connections_idle_in_transaction": "Connections that hold a transaction open and do nothing.",
        "connections_waiting": "Connections that wait for a lock.",
        "longest_transaction_seconds": "Age of the oldest open transaction.",
        "longest_idle_in_transaction_seconds": "How long the laziest one has held its transaction idle.",
        "longest_statement_seconds": "Age of the oldest running statement.",
        "longest_wait_seconds": "How long somebody has waited for a lock.",
        "locks": "Locks held in the database.",
        "transaction_id_age_ratio": "Share of the transaction ids used before a forced vacuum, 0 to 1.",
        "cache_hit_ratio": "Share of the blocks found in shared buffers over five minutes, 0 to 1.",
        "transactions_per_second": "Transactions that ended, committed or not, over five minutes.",
        "standby": "1 if this server replays another's log.",
        "replicas": "Standby servers that stream from this one.",
        "replication_lag_seconds": "How far the slowest replica, or this standby, is behind.",
        "replication_lag_bytes": "Bytes of log that the slowest replica has not replayed.",
        "slot_retained_bytes": "Log that the slowest replication slot keeps from being removed.",
        "dead_rows": "Rows left by updates and deletes that a vacuum has not removed.",
        "dead_rows_ratio": "Share of dead rows among all, 0 to 1: an indication of bloat.",
        "tables_to_vacuum": "Tables with many dead rows, or never analyzed.",
    }
)

#: Counters of the database's, by name; exposed as scalability_database_NAME_total.
COUNTERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "commits": "Transactions committed, readers' included.",
        "rollbacks": "Transactions rolled back.",
        "deadlocks": "Deadlocks.",
        "blocks_hit": "Blocks found in shared buffers.",
        "blocks_read": "Blocks asked from the system.",
        "temporary_bytes": "Bytes written to temporary files.",
        "rows_inserted": "Rows inserted.",
        "rows_updated": "Rows updated.",
        "rows_deleted": "Rows deleted.",
        "queries": "Statements finished (pg_stat_statements).",
        "query_duration_seconds": "Their time, summed.",
    }
)
