"""The PostgreSQL database as a target: connection string, sessions, rights, lock, and our records on it."""
