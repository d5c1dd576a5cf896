"""Loading into a schema that the application itself has made on PostgreSQL.

`read` takes the schema from the catalog as values (`existing`); `plan` matches the file's tables and columns
to it (`matching`, `bookkeeping`), decides how each value becomes one of the target's type (`types`, tried on
the stored values by `trial`), and what must be out of the way while the rows are loaded (`set_aside`). The
plan is carried out by the same steps as any other.
"""
