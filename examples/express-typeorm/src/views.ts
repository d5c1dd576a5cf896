/** Rows as the shop's JSON shows them: the same on both databases, key order included. */

import type { Customer } from "./entities/customer";
import type { Order } from "./entities/order";
import type { OrderItem } from "./entities/order-item";
import type { Product } from "./entities/product";

export function customerView(customer: Customer) {
  const { address } = customer;
  return {
    id: customer.id,
    email: customer.email,
    name: customer.name,
    newsletter: customer.newsletter,
    address: address && {
      street: address.street,
      postcode: address.postcode,
      city: address.city,
      country: address.country,
    },
    createdAt: customer.createdAt.toISOString(),
  };
}

export function productView(product: Product) {
  return {
    id: product.id,
    sku: product.sku,
    name: product.name,
    description: product.description,
    price: product.price,
    stock: product.stock,
    active: product.active,
    createdAt: product.createdAt.toISOString(),
  };
}

export function itemView(item: OrderItem) {
  return {
    productId: item.productId,
    productName: item.productName,
    quantity: item.quantity,
    unitPrice: item.unitPrice,
  };
}

/** An order without its items. */
export function orderHeadView(order: Order) {
  return {
    id: order.id,
    customerId: order.customerId,
    status: order.status,
    total: order.total,
    note: order.note,
    createdAt: order.createdAt.toISOString(),
    shippedAt: order.shippedAt && order.shippedAt.toISOString(),
  };
}

export function orderView(order: Order) {
  const items = [...order.items].sort((a, b) => a.id - b.id);
  return { ...orderHeadView(order), items: items.map(itemView) };
}
