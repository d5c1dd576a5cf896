/**
 * One checksum over every row as the shop's JSON shows it: equal if and only if both databases answer with the same data.
 *
 * A row counts as the first 8 bytes of SHA-256 of its compact JSON; a table as the sum of its rows modulo 2^64, which does
 * not depend on their order and, unlike XOR, notices a row that is there twice. ../contract/README.md pins this.
 */

import { createHash } from "node:crypto";

import { type EntityManager, MoreThan, type FindOptionsOrder, type FindOptionsWhere, type ObjectLiteral } from "typeorm";

import { Customer } from "./entities/customer";
import { Order } from "./entities/order";
import { OrderItem } from "./entities/order-item";
import { Product } from "./entities/product";
import { customerView, itemView, orderHeadView, productView } from "./views";

const BATCH = 500;

interface TableFingerprint {
  rows: number;
  checksum: string;
}

function rowSum(view: unknown): bigint {
  return createHash("sha256").update(JSON.stringify(view)).digest().readBigUInt64BE(0);
}

function hex(sum: bigint): string {
  return BigInt.asUintN(64, sum).toString(16).padStart(16, "0");
}

/** Walks the table along its key, so that memory stays flat whatever the size. */
async function tableFingerprint<T extends ObjectLiteral & { id: number | string }>(
  manager: EntityManager,
  entity: new () => T,
  view: (row: T) => unknown,
): Promise<TableFingerprint> {
  let rows = 0;
  let sum = 0n;
  let last: T["id"] | undefined;
  for (;;) {
    const batch: T[] = await manager.find(entity, {
      where: (last === undefined ? {} : { id: MoreThan(last) }) as FindOptionsWhere<T>,
      order: { id: "ASC" } as FindOptionsOrder<T>,
      take: BATCH,
    });
    for (const row of batch) {
      sum += rowSum(view(row));
    }
    rows += batch.length;
    last = batch.at(-1)?.id;
    if (batch.length < BATCH) {
      return { rows, checksum: hex(sum) };
    }
  }
}

export async function fingerprint(manager: EntityManager) {
  const tables = {
    customers: await tableFingerprint(manager, Customer, customerView),
    products: await tableFingerprint(manager, Product, productView),
    orders: await tableFingerprint(manager, Order, orderHeadView),
    orderItems: await tableFingerprint(manager, OrderItem, (item) => ({ id: item.id, orderId: item.orderId, ...itemView(item) })),
  };
  return { ...tables, checksum: hex(rowSum(tables)) };
}
