"""Reads an application's SQL and says what PostgreSQL will refuse, or answer otherwise than SQLite.

`extract` finds the SQL in files (`literals` the texts in program code), `statement` splits it into tokens,
`rules` look at those, `known` is what the SQLite file itself tells, `check` puts it all together. Only the
files named are read; nothing is run and nothing is changed.
"""
