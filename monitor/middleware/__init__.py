"""What runs inside the application: counts each request and pushes the counters to the sidecar.

`buckets` and `clients` are the layouts every worker shares, pinned for all languages by `vectors.json`;
`recorder` holds a worker's counters; `pusher` sends them; `asgi` is the middleware. Nothing here opens a
database file: a second open and close in the process of a SQLite application drops that application's locks.
"""
