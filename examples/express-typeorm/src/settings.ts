/** What the environment says, read once and checked. */

import { parse as parseDsn } from "pg-connection-string";

export interface SqliteTarget {
  readonly kind: "sqlite";
  readonly path: string;
}

export interface PostgresTarget {
  readonly kind: "postgresql";
  readonly dsn: string;
}

export type DatabaseTarget = SqliteTarget | PostgresTarget;

export interface Settings {
  readonly database: DatabaseTarget;
  readonly port: number;
  /** The monitor's sidecar, or null: then nothing is measured. */
  readonly sidecarUrl: string | null;
}

/** Wrong input of the person who started the shop: one line, no stack. Never holds a password. */
export class UsageError extends Error {}

export function readSettings(env: NodeJS.ProcessEnv): Settings {
  return {
    database: databaseTarget(env["DATABASE_URL"]),
    port: port(env["PORT"]),
    sidecarUrl: sidecarUrl(env["OUTGROW_SIDECAR_URL"]),
  };
}

/**
 * `postgresql://...` (or `postgres://...`, Unix sockets as `?host=/folder`), `sqlite:///absolute/path`, or a plain path.
 * As in every URL the path of `sqlite:///shop.sqlite` is absolute; write `shop.sqlite` for a relative one.
 */
export function databaseTarget(url: string | undefined): DatabaseTarget {
  if (!url) {
    throw new UsageError("DATABASE_URL is not set; give it a path such as shop.sqlite, or postgresql://user@host/database");
  }
  if (/^postgres(ql)?:/i.test(url)) {
    if (!namesDatabase(url)) {
      throw new UsageError("DATABASE_URL is no usable PostgreSQL address; write postgresql://user@host:5432/database");
    }
    return { kind: "postgresql", dsn: url };
  }
  if (/^sqlite:/i.test(url)) {
    const path = decodeURIComponent(url.replace(/^sqlite:(\/\/)?/i, ""));
    if (path === "") {
      throw new UsageError("DATABASE_URL names no file; write sqlite:///absolute/path/shop.sqlite");
    }
    return { kind: "sqlite", path };
  }
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(url)) {
    throw new UsageError(`DATABASE_URL begins with ${url.split(":")[0]}:, which this shop does not speak; use sqlite: or postgresql:`);
  }
  return { kind: "sqlite", path: url };
}

function namesDatabase(dsn: string): boolean {
  try {
    return Boolean(parseDsn(dsn).database);
  } catch {
    return false;
  }
}

function port(text: string | undefined): number {
  const value = Number(text ?? "3000");
  if (!Number.isInteger(value) || value < 0 || value > 65535) {
    throw new UsageError(`PORT is ${text}; it must be a number from 0 (any free port) to 65535`);
  }
  return value;
}

function sidecarUrl(text: string | undefined): string | null {
  if (!text) {
    return null;
  }
  try {
    return new URL(text).origin;
  } catch {
    throw new UsageError("OUTGROW_SIDECAR_URL is no URL; write http://127.0.0.1:9464");
  }
}
