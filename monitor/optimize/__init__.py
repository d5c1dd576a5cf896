"""Phase-1 work: what a SQLite file and the queries on it would gain from settings, indexes and statistics.

`copying` takes a copy by SQLite's backup interface; everything else looks at and tries things on that copy
only: `structure` reads the schema, `settings` and `upkeep` judge the file, `querylog` reads the application's
queries, `access` and `candidates` turn them into indexes worth trying, `search` tries them and keeps what
measurably helps. `applying` is the only stage that writes to the application's file, after a verified backup.
"""
