/**
 * Imported first. TypeORM writes a Date into a PostgreSQL `timestamp` as the process's own wall clock and reads it back
 * the same way, while on SQLite it always uses UTC. With any other time zone the two databases would disagree.
 */
process.env["TZ"] = "UTC";
