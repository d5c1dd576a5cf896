"""The monitor's own memory: one SQLite file, never the application's, with one writer and a bounded size.

`tiers` says what is kept for how long, `opening` opens the file (or sets a damaged one aside), `history`
writes and reads the series and keeps small documents, such as what has been held since when.
"""
