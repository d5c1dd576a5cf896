"""The sidecar: the process beside the application that merges, judges and publishes.

`push` checks what workers send, `workers` merges it (`counters` are what adds up), `traffic` measures it.
`sidecar` looks, evaluates once per interval and keeps the result as `published`; `api` answers from it,
`exposition` writes it for Prometheus, `guard` keeps strangers out, `server` runs it all.
"""
