"""The source's schema as values (`source`), the target's (`target`), and the way from one to the other.

`read` fills `source` from a SQLite file, with the help of `declaration` for what no PRAGMA tells. `plan`
decides `target` from it and from what `values.profile` counted: types (`types`, `unify`), names, keys,
indexes, defaults, and every SQL expression, which is translated with its meaning or not at all (`translate`,
`views`). What a library would have made itself is asked of its profile in `migration.orm`. `ddl` writes the
statements. Nothing here writes to a database.
"""
