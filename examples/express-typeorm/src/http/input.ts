/** Requests as values: everything a client sent is checked here, once. */

import { ORDER_STATUSES, type OrderStatus } from "../entities/order";
import { ClientError } from "./errors";

export interface OrderLine {
  readonly productId: number;
  readonly quantity: number;
}

export interface NewOrder {
  readonly customerId: number;
  readonly lines: readonly OrderLine[];
  readonly note: string | null;
}

const MAX_ID = 2_147_483_647; // PostgreSQL's integer; SQLite would take more
const MAX_LINES = 50;
const MAX_QUANTITY = 100;
const MAX_NOTE = 500;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

function bad(message: string): ClientError {
  return new ClientError(400, "bad_request", message);
}

function isWhole(value: unknown, max: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= max;
}

/** A whole number from a path or a query, 1 or more. */
export function wholeNumber(text: unknown, name: string): number {
  const value = typeof text === "string" && /^[0-9]{1,10}$/.test(text) ? Number(text) : NaN;
  if (!isWhole(value, MAX_ID)) {
    throw bad(`${name} must be a whole number from 1 to ${MAX_ID}`);
  }
  return value;
}

export function orderId(text: unknown): string {
  if (typeof text !== "string" || !UUID.test(text)) {
    throw bad("id must be a UUID in lower case");
  }
  return text;
}

function object(body: unknown): Record<string, unknown> {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw bad("the body must be a JSON object");
  }
  return body as Record<string, unknown>;
}

export function newOrder(body: unknown): NewOrder {
  const { customerId, items, note = null } = object(body);
  if (!isWhole(customerId, MAX_ID)) {
    throw bad("customerId must be a whole number");
  }
  if (!Array.isArray(items) || items.length < 1 || items.length > MAX_LINES) {
    throw bad(`items must be a list of 1 to ${MAX_LINES}`);
  }
  if (note !== null && (typeof note !== "string" || [...note].length > MAX_NOTE || note.includes("\0"))) {
    throw bad(`note must be text of at most ${MAX_NOTE} characters`);
  }
  const lines = items.map(orderLine);
  if (new Set(lines.map((line) => line.productId)).size < lines.length) {
    throw bad("a product is listed twice");
  }
  return { customerId, lines, note };
}

function orderLine(item: unknown): OrderLine {
  const { productId, quantity } = object(item);
  if (!isWhole(productId, MAX_ID)) {
    throw bad("productId must be a whole number");
  }
  if (!isWhole(quantity, MAX_QUANTITY)) {
    throw bad(`quantity must be a whole number from 1 to ${MAX_QUANTITY}`);
  }
  return { productId, quantity };
}

export function newStatus(body: unknown): OrderStatus {
  const { status } = object(body);
  const known = ORDER_STATUSES.find((name) => name === status);
  if (!known) {
    throw bad(`status must be one of ${ORDER_STATUSES.join(", ")}`);
  }
  return known;
}
