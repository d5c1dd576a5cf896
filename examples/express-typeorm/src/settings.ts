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

/** Where measurements go, how often, and over how many seconds distinct clients are counted. */
export interface Measuring {
  readonly sidecarUrl: string;
  readonly intervalMs: number;
  readonly clientWindowSeconds: number;
}

export interface Settings {
  readonly database: DatabaseTarget;
  readonly port: number;
  readonly measuring: Measuring | null;
  readonly exitWithStdin: boolean;
}

/** Wrong input of the person who started the shop: one line, no stack. Never holds a password. */
export class UsageError extends Error {}

export function readSettings(env: NodeJS.ProcessEnv): Settings {
  return {
    database: databaseTarget(env["DATABASE_URL"]),
    port: wholeNumber(env, "PORT", { fallback: 3000, min: 0, max: 65535 }),
    measuring: measuring(env),
    exitWithStdin: Boolean(env["EXIT_WITH_STDIN"]),
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

interface Range {
  fallback: number;
  min: number;
  max: number;
}

function wholeNumber(env: NodeJS.ProcessEnv, name: string, { fallback, min, max }: Range): number {
  const text = env[name] || String(fallback);
  const value = /^[0-9]+$/.test(text) ? Number(text) : NaN;
  if (!(value >= min && value <= max)) {
    throw new UsageError(`${name} is ${text}; it must be a number from ${min} to ${max}`);
  }
  return value;
}

function measuring(env: NodeJS.ProcessEnv): Measuring | null {
  const url = env["OUTGROW_SIDECAR_URL"];
  if (!url) {
    return null;
  }
  return {
    sidecarUrl: httpOrigin(url),
    intervalMs: wholeNumber(env, "OUTGROW_PUSH_INTERVAL_MS", { fallback: 5000, min: 100, max: 60_000 }),
    clientWindowSeconds: wholeNumber(env, "OUTGROW_CLIENT_WINDOW_SECONDS", { fallback: 300, min: 5, max: 3600 }),
  };
}

function httpOrigin(text: string): string {
  try {
    const url = new URL(text);
    if (url.protocol === "http:" || url.protocol === "https:") {
      return url.origin;
    }
  } catch {
    // reported below
  }
  throw new UsageError("OUTGROW_SIDECAR_URL is no URL; write http://127.0.0.1:9464");
}
