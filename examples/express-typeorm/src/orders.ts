/** Placing an order and moving it along: the two transactions of the shop. */

import { randomUUID } from "node:crypto";

import { type EntityManager, In } from "typeorm";

import { Customer } from "./entities/customer";
import { Order, type OrderStatus } from "./entities/order";
import { OrderItem } from "./entities/order-item";
import { Product } from "./entities/product";
import { ClientError } from "./http/errors";
import type { NewOrder, OrderLine } from "./http/input";
import { amount, cents } from "./money";

const NEXT: Readonly<Record<OrderStatus, readonly OrderStatus[]>> = {
  pending: ["paid", "cancelled"],
  paid: ["shipped", "cancelled"],
  shipped: [],
  cancelled: [],
};

/** Take the stock, then write the order; nothing happens if one line cannot be served. Runs inside a transaction. */
export async function placeOrder(manager: EntityManager, request: NewOrder): Promise<Order> {
  // In the order of the ids, so that two orders for the same products never wait for each other.
  const lines = [...request.lines].sort((a, b) => a.productId - b.productId);
  for (const line of lines) {
    await takeStock(manager, line);
  }
  if (!(await manager.existsBy(Customer, { id: request.customerId }))) {
    throw new ClientError(404, "not_found", `there is no customer ${request.customerId}`);
  }
  const products = await manager.findBy(Product, { id: In(lines.map((line) => line.productId)) });
  const byId = new Map(products.map((product) => [product.id, product]));
  const items = request.lines.map((line) => orderItem(manager, line, byId));
  const total = items.reduce((sum, item) => sum + cents(item.unitPrice) * item.quantity, 0);
  const order = manager.create(Order, {
    id: randomUUID(),
    customerId: request.customerId,
    status: "pending",
    total: amount(total),
    note: request.note,
    createdAt: new Date(),
    shippedAt: null,
  });
  // insert, not save: save would first ask the database whether these rows are there already.
  await manager.insert(Order, order);
  await manager.insert(
    OrderItem,
    items.map((item) => Object.assign(item, { orderId: order.id })),
  );
  return Object.assign(order, { items });
}

function orderItem(manager: EntityManager, line: OrderLine, products: Map<number, Product>): OrderItem {
  const product = products.get(line.productId);
  if (!product) {
    throw new ClientError(404, "not_found", `there is no product ${line.productId}`);
  }
  return manager.create(OrderItem, {
    productId: product.id,
    productName: product.name,
    quantity: line.quantity,
    unitPrice: product.price,
  });
}

/** The condition is part of the update, so that no two orders can take the same last piece. */
async function takeStock(manager: EntityManager, { productId, quantity }: OrderLine): Promise<void> {
  const taken = await manager
    .createQueryBuilder()
    .update(Product)
    .set({ stock: () => `"stock" - ${quantity}` })
    .where(`"id" = :productId AND "active" = :active AND "stock" >= :quantity`, { productId, active: true, quantity })
    .updateEntity(false)
    .execute();
  if (taken.affected === 1) {
    return;
  }
  const product = await manager.findOneBy(Product, { id: productId });
  if (!product) {
    throw new ClientError(404, "not_found", `there is no product ${productId}`);
  }
  if (!product.active) {
    throw new ClientError(409, "not_for_sale", `product ${productId} is not for sale`);
  }
  throw new ClientError(409, "out_of_stock", `only ${product.stock} of product ${productId} are left`);
}

/** Move an order along; a cancelled order gives its stock back. Runs inside a transaction. */
export async function changeStatus(manager: EntityManager, id: string, to: OrderStatus): Promise<Order> {
  const from = (Object.keys(NEXT) as OrderStatus[]).filter((status) => NEXT[status].includes(to));
  const changed = await manager.update(
    Order,
    { id, status: In(from) },
    { status: to, ...(to === "shipped" ? { shippedAt: new Date() } : {}) },
  );
  const order = await manager.findOne(Order, { where: { id }, relations: { items: true } });
  if (!order) {
    throw new ClientError(404, "not_found", `there is no order ${id}`);
  }
  if (changed.affected !== 1) {
    throw new ClientError(409, "illegal_transition", `order ${id} is ${order.status} and cannot become ${to}`);
  }
  if (to === "cancelled") {
    await giveStockBack(manager, order.items);
  }
  return order;
}

async function giveStockBack(manager: EntityManager, items: readonly OrderItem[]): Promise<void> {
  const returned = items.filter((item) => item.productId !== null).sort((a, b) => a.productId! - b.productId!);
  for (const item of returned) {
    await manager.increment(Product, { id: item.productId! }, "stock", item.quantity);
  }
}
