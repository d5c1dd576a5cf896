"""The SQLite file as a source: what is refused, how it is opened, one state of it for all reads."""
