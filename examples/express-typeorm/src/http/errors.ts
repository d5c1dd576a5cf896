/** What went wrong, as the client may know it: a status, a word for programs, a sentence for people. */

import type { ErrorRequestHandler, RequestHandler } from "express";

export class ClientError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

const RETRY_AFTER_SECONDS = "1";

/** PostgreSQL's conditions that pass by themselves: serialisation, deadlock, lock timeout, connections used up, restart. */
const PASSING_SQLSTATES = new Set(["40001", "40P01", "55P03", "53300", "57P01", "57P02", "57P03"]);
const PASSING_SOCKET_ERRORS = new Set(["ECONNREFUSED", "ECONNRESET", "ENOENT", "ETIMEDOUT"]);

interface DriverError {
  code?: unknown;
  message?: unknown;
}

/** The driver's own error inside TypeORM's, or the error itself. */
function driverError(error: unknown): DriverError {
  const wrapped = (error as { driverError?: DriverError } | null)?.driverError;
  return wrapped ?? (error as DriverError | null) ?? {};
}

/** An error of the database as the client should see it, or null if it is a fault of the shop. */
export function databaseRefusal(error: unknown): ClientError | null {
  const { code, message } = driverError(error);
  const text = typeof message === "string" ? message : "";
  const name = typeof code === "string" ? code : "";
  if (text.includes("moved to PostgreSQL")) {
    return new ClientError(503, "moved", "this database has moved to PostgreSQL; the shop is being switched over");
  }
  if (name.startsWith("SQLITE_BUSY") || name.startsWith("SQLITE_LOCKED")) {
    return new ClientError(503, "busy", "the database is busy");
  }
  if (name.startsWith("SQLITE_READONLY")) {
    return new ClientError(503, "read_only", "the database takes no writes at the moment");
  }
  if (PASSING_SQLSTATES.has(name) || PASSING_SOCKET_ERRORS.has(name) || text.includes("Connection terminated")) {
    return new ClientError(503, "busy", "the database is not available at the moment");
  }
  return null;
}

export const unknownPath: RequestHandler = (request) => {
  throw new ClientError(404, "not_found", `there is no ${request.method} ${request.path}`);
};

export const answerError: ErrorRequestHandler = (error, _request, response, next) => {
  if (response.headersSent) {
    next(error);
    return;
  }
  const known = knownError(error) ?? databaseRefusal(error);
  if (!known) {
    console.error(error);
  }
  const { status, code, message } = known ?? new ClientError(500, "internal", "the shop failed to answer; the cause is in its log");
  if (status === 503) {
    response.set("Retry-After", RETRY_AFTER_SECONDS);
  }
  response.status(status).json({ error: code, message });
};

function knownError(error: unknown): ClientError | null {
  if (error instanceof ClientError) {
    return error;
  }
  // Express's body parser marks its errors with a status and a type.
  const { status, type } = error as { status?: unknown; type?: unknown };
  if (type === "entity.too.large") {
    return new ClientError(413, "too_large", "the request's body is larger than 100 kB");
  }
  if (typeof status === "number" && status >= 400 && status < 500) {
    return new ClientError(400, "bad_request", "the request cannot be read as JSON");
  }
  return null;
}
