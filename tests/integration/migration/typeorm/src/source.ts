import "reflect-metadata";
import { DataSource } from "typeorm";

import * as columns from "./columns";
import * as habits from "./habits";
import * as one from "./one";
import * as relations from "./relations";
import * as views from "./views";
import { onPostgres } from "./dialect";
import { Start1700000000000 } from "./migrations";

const version = process.env.TYPEORM === "typeorm-1" ? 1 : 0;
const classes = [columns, relations, habits, views, ...(version === 1 ? [one] : [])].flatMap((module) => Object.values(module)).filter((item) => typeof item === "function");
const url = process.env.DB_URL ?? "";

/** TypeORM takes no socket's folder in a URL. */
function server(): { host: string; port?: number; username: string; password?: string; database: string } {
  const parsed = new URL(url.replace("@/", "@localhost/"));
  return {
    host: parsed.searchParams.get("host") ?? parsed.hostname,
    ...(parsed.port || parsed.searchParams.get("port") ? { port: Number(parsed.port || parsed.searchParams.get("port")) } : {}),
    username: decodeURIComponent(parsed.username),
    ...(parsed.password ? { password: decodeURIComponent(parsed.password) } : {}),
    database: decodeURIComponent(parsed.pathname.slice(1)),
  };
}

export const source = new DataSource({
  ...(onPostgres ? { type: "postgres" as const, ...server(), uuidExtension: "pgcrypto" as const } : { type: "better-sqlite3" as const, database: url }),
  ...(process.env.DB_SCHEMA && onPostgres ? { schema: process.env.DB_SCHEMA } : {}),
  entityPrefix: process.env.DB_PREFIX ?? "",
  entities: classes as Function[],
  migrations: [Start1700000000000, ...(process.env.DB_MIGRATIONS ? [`${process.env.DB_MIGRATIONS}/*.js`] : [])],
  cache: { type: "database" },
  logging: process.env.DB_LOG === "1",
});
