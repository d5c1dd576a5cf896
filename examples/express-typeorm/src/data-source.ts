/** TypeORM for either database: the same entities, the same answers. */

import { instrumentDataSource, scalabilityQueryLogger } from "@outgrow/express";
import { DataSource, type DataSourceOptions } from "typeorm";

import { Customer } from "./entities/customer";
import { Order } from "./entities/order";
import { OrderItem } from "./entities/order-item";
import { Product } from "./entities/product";
import { CreateShop1760000000000 } from "./migrations/1760000000000-create-shop";
import { type DatabaseTarget, UsageError } from "./settings";

/** How long a statement waits for another process's lock on the SQLite file. better-sqlite3 blocks the process meanwhile. */
const BUSY_TIMEOUT_MS = 2000;
const POOL_SIZE = 10;
const CONNECT_TIMEOUT_MS = 5000;

export function dataSourceOptions(target: DatabaseTarget): DataSourceOptions {
  const shared = {
    entities: [Customer, Product, Order, OrderItem],
    synchronize: false,
    logger: scalabilityQueryLogger(),
  };
  if (target.kind === "sqlite") {
    return {
      ...shared,
      type: "better-sqlite3",
      database: target.path,
      timeout: BUSY_TIMEOUT_MS,
      migrations: [CreateShop1760000000000],
    };
  }
  return {
    ...shared,
    type: "postgres",
    url: target.dsn,
    poolSize: POOL_SIZE,
    connectTimeoutMS: CONNECT_TIMEOUT_MS,
    uuidExtension: "pgcrypto", // gen_random_uuid() is built in since PostgreSQL 13: nothing to install
    installExtensions: false,
  };
}

/** Connect, with every query timed for the monitor. */
export async function connect(target: DatabaseTarget): Promise<DataSource> {
  const dataSource = await new DataSource(dataSourceOptions(target)).initialize();
  return instrumentDataSource(dataSource);
}

async function tableNames(dataSource: DataSource): Promise<Set<string>> {
  const sql =
    dataSource.options.type === "postgres"
      ? "SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema()"
      : "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
  const rows: { name: string }[] = await dataSource.query(sql);
  return new Set(rows.map((row) => row.name));
}

function missingTables(dataSource: DataSource, present: Set<string>): string[] {
  return dataSource.entityMetadatas.map((entity) => entity.tableName).filter((name) => !present.has(name));
}

/**
 * Make the shop's tables in a database that has no table at all; leave every other database as it is.
 *
 * On SQLite the migration does it, on PostgreSQL TypeORM's schema builder (SQLite's migration is not valid there).
 */
export async function createTablesIfEmpty(dataSource: DataSource): Promise<void> {
  const present = await tableNames(dataSource);
  if (present.size > 0) {
    return;
  }
  if (dataSource.options.type === "postgres") {
    await dataSource.synchronize();
  } else {
    await dataSource.runMigrations({ transaction: "all" });
  }
}

/** Refuse a database without the shop's tables, before any request is answered. */
export async function requireTables(dataSource: DataSource): Promise<void> {
  const missing = missingTables(dataSource, await tableNames(dataSource));
  if (missing.length > 0) {
    throw new UsageError(
      `the database lacks the shop's tables ${missing.join(", ")}; seed an empty one with \`npm run seed\`, ` +
        "or move the SQLite file into it with `outgrow migrate run`",
    );
  }
}
