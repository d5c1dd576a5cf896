"""Prometheus rules, an Alertmanager configuration and rule tests, made from the thresholds.

`promql` writes selectors, `recording` and `alerting` make the rules, `routing` the Alertmanager's
configuration, `cases` the tests; `bundle` puts them into files.
"""
