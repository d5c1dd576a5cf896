/** The sales report: two aggregates over all orders. Cancelled orders count as orders, never as revenue. */

import type { EntityManager } from "typeorm";

import { ORDER_STATUSES } from "./entities/order";
import { amount, cents, decimalText } from "./money";

const BY_STATUS = `
  SELECT "status" AS "status", COUNT(*) AS "orders", SUM("total") AS "total"
  FROM "order" GROUP BY "status"`;

const TOP_PRODUCTS = `
  SELECT i."productId" AS "productId", SUM(i."quantity") AS "quantity", SUM(i."quantity" * i."unitPrice") AS "revenue"
  FROM "order_item" i JOIN "order" o ON o."id" = i."orderId"
  WHERE i."productId" IS NOT NULL AND o."status" <> 'cancelled'
  GROUP BY i."productId" ORDER BY SUM(i."quantity") DESC, i."productId" LIMIT 10`;

/** Both drivers name a column as the query does; counts and sums are numbers on one and text on the other. */
type Row = Record<string, string | number>;

export async function salesReport(manager: EntityManager) {
  const statuses: Row[] = await manager.query(BY_STATUS);
  const products: Row[] = await manager.query(TOP_PRODUCTS);
  const found = new Map(statuses.map((row) => [row["status"], row]));
  const byStatus = ORDER_STATUSES.map((status) => {
    const row = found.get(status);
    return { status, orders: Number(row?.["orders"] ?? 0), total: decimalText(row?.["total"] ?? 0) };
  });
  const earned = byStatus.filter((row) => row.status !== "cancelled");
  return {
    orders: byStatus.reduce((sum, row) => sum + row.orders, 0),
    revenue: amount(earned.reduce((sum, row) => sum + cents(row.total), 0)),
    byStatus,
    topProducts: products.map((row) => ({
      productId: Number(row["productId"]),
      quantity: Number(row["quantity"]),
      revenue: decimalText(row["revenue"] ?? 0),
    })),
  };
}
