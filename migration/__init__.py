"""HOW to move: read and translate the schema, copy the rows, verify, and promote to the next phase.

The pipeline, stage by stage: `source`, `schema`, `values` read the SQLite file and plan the target (nothing
is written); `script` (with `scripting`) writes that plan as psql files; `run` (with `running` and `target`)
executes it against PostgreSQL under a journal; `verify` (with `verification`) proves the result without
trusting the copy; `promotion` wraps all of it in gates and reversible steps.

Beside them: `orm` knows what each library would have made on PostgreSQL, `rules` what the user wants
otherwise, `target_first` how to fill a schema that the application made; `native` has the inner loops in C;
`lint` reads the application's own SQL.
"""
