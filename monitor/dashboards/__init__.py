"""Grafana dashboards, made from the thresholds: `panels` builds panels, one module for each dashboard."""
