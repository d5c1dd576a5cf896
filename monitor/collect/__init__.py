"""Reading what cannot be counted inside the application: the database, the machine.

The only part of the monitor that touches files, processes and databases. `sqlite_probe` and
`postgresql_probe` watch the database (`database` picks one), `system` and `cgroup` the machine; `window`
turns counters into rates. They run in the sidecar's process, never in the application's.
"""
