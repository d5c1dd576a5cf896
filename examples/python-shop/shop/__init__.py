"""The shop of ../contract/README.md with nothing between it and its database: Starlette, sqlite3, psycopg."""
