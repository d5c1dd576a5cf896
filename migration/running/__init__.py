"""How `migration.run` carries a plan out.

`steps` says what is to be done, `resume` how a run begins (both pure); `execution` does it, `dry_run` prints
it, `copy` moves the rows; `journal` remembers, `progress` and `report` tell.
"""
