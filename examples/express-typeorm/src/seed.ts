/** `npm run seed -- --customers N --products N --orders N`: fill an empty shop, in one transaction. */

import "./utc";
import "reflect-metadata";

import { parseArgs } from "node:util";

import type { DataSource, EntityManager, EntityTarget, ObjectLiteral } from "typeorm";

import { type ItemRow, customerRows, orderRows, type OrderRow, productRows } from "./catalogue";
import { connect, createTablesIfEmpty, requireTables } from "./data-source";
import { Customer } from "./entities/customer";
import { Order } from "./entities/order";
import { OrderItem } from "./entities/order-item";
import { Product } from "./entities/product";
import { fail } from "./failure";
import { databaseTarget, UsageError } from "./settings";

interface Sizes {
  customers: number;
  products: number;
  orders: number;
}

/** Rows a statement: SQLite takes 32,766 parameters, the widest table has eight columns. */
const CHUNK = 1000;

function readSizes(args: string[]): Sizes {
  const { customers, products, orders } = parseSizes(args);
  if (orders > 0 && (customers === 0 || products === 0)) {
    throw new UsageError("orders need customers and products");
  }
  return { customers, products, orders };
}

function parseSizes(args: string[]): Sizes {
  const option = (rows: number) => ({ type: "string" as const, default: String(rows) });
  const options = { customers: option(500), products: option(200), orders: option(1500) };
  let values: Record<keyof Sizes, string>;
  try {
    ({ values } = parseArgs({ args, options }));
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  return { customers: rowCount(values.customers), products: rowCount(values.products), orders: rowCount(values.orders) };
}

function rowCount(text: string): number {
  if (!/^[0-9]{1,7}$/.test(text)) {
    throw new UsageError(`${text} is no usable number of rows`);
  }
  return Number(text);
}

async function insert<T extends ObjectLiteral>(manager: EntityManager, entity: EntityTarget<T>, rows: object[]): Promise<void> {
  for (let start = 0; start < rows.length; start += CHUNK) {
    const values = rows.slice(start, start + CHUNK);
    await manager.createQueryBuilder().insert().into(entity).values(values).updateEntity(false).execute();
  }
}

async function seed(dataSource: DataSource, sizes: Sizes): Promise<void> {
  const products = [...productRows(sizes.products)];
  const orders: OrderRow[] = [];
  const items: ItemRow[] = [];
  for (const seeded of orderRows(sizes.orders, sizes.customers, products)) {
    orders.push(seeded.order);
    items.push(...seeded.items);
  }
  await dataSource.transaction(async (manager) => {
    for (const entity of [Customer, Product, Order]) {
      if (await manager.exists(entity)) {
        throw new UsageError("the shop is not empty; seed a new database instead");
      }
    }
    await insert(manager, Customer, [...customerRows(sizes.customers)]);
    await insert(manager, Product, products);
    await insert(manager, Order, orders);
    await insert(manager, OrderItem, items);
    if (dataSource.options.type === "postgres") {
      await advanceSequences(manager);
    }
  });
}

/** The rows came with their ids; PostgreSQL's counters do not notice that, SQLite's do. */
async function advanceSequences(manager: EntityManager): Promise<void> {
  for (const table of ["customer", "product", "order_item"]) {
    await manager.query(
      `SELECT setval(pg_get_serial_sequence('"${table}"', 'id'), MAX("id")) FROM "${table}" HAVING MAX("id") IS NOT NULL`,
    );
  }
}

async function main(): Promise<void> {
  const sizes = readSizes(process.argv.slice(2));
  const dataSource = await connect(databaseTarget(process.env["DATABASE_URL"]));
  try {
    await createTablesIfEmpty(dataSource);
    await requireTables(dataSource);
    await seed(dataSource, sizes);
  } finally {
    await dataSource.destroy();
  }
  console.log(JSON.stringify({ seeded: sizes }));
}

main().catch(fail);
