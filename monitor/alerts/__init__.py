"""Alerts as data: `table` says which there are, `evaluation` which are active."""
