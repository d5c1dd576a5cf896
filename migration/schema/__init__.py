"""The source's schema as values (`source`), the target's (`target`), and the way from one to the other.

`read` fills `source` from a SQLite file; `types`, `translate` and `plan` decide `target` from it and from
what `values.profile` saw; `ddl` writes `target` as PostgreSQL statements. Nothing here writes to a database.
"""
