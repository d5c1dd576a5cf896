"""Proof that a target holds what its source holds, made without the code that copied it.

`canonical` turns a stored SQLite value into bytes that depend only on its meaning in the target's type,
`canonical_sql` writes the SQL by which PostgreSQL does the same; `checksums` adds both up over key ranges and
`rows` narrows a range that differs down to its rows. `catalog` reads what PostgreSQL has, `objects` compares
it with what the source declares; `sequences` and `orphans` look at what neither rows nor declarations show.
`findings` holds the results as values.
"""
