/** The rows of a seeded shop, as values. Which rows, and why these, is in ../contract/README.md. */

import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { Address } from "./entities/customer";
import type { OrderStatus } from "./entities/order";
import { amount, cents } from "./money";
import { Random } from "./random";

interface Words {
  streams: { customers: number; products: number; orders: number };
  epoch: string;
  firstNames: string[];
  lastNames: string[];
  streets: string[];
  cities: { city: string; country: string }[];
  adjectives: string[];
  materials: string[];
  things: string[];
  descriptions: string[];
  notes: string[];
  statuses: OrderStatus[];
}

const words = JSON.parse(readFileSync(join(__dirname, "../../contract/seed.json"), "utf8")) as Words;
const EPOCH = Date.parse(words.epoch);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const FIRST_ORDER = EPOCH + 30 * 24 * HOUR;

export interface CustomerRow {
  id: number;
  email: string;
  name: string;
  newsletter: boolean;
  address: Address | null;
  createdAt: Date;
}

export interface ProductRow {
  id: number;
  sku: string;
  name: string;
  description: string | null;
  price: string;
  stock: number;
  active: boolean;
  createdAt: Date;
}

export interface OrderRow {
  id: string;
  customerId: number;
  status: OrderStatus;
  total: string;
  note: string | null;
  createdAt: Date;
  shippedAt: Date | null;
}

export interface ItemRow {
  id: number;
  orderId: string;
  productId: number | null;
  productName: string;
  quantity: number;
  unitPrice: string;
}

export function* customerRows(count: number): Generator<CustomerRow> {
  const random = new Random(words.streams.customers);
  for (let id = 1; id <= count; id += 1) {
    const name = `${random.pick(words.firstNames)} ${random.pick(words.lastNames)}`;
    const newsletter = random.below(3) === 0;
    const address = random.below(5) === 0 ? null : addressOf(random);
    const createdAt = new Date(EPOCH + id * 37 * MINUTE + random.below(MINUTE));
    yield { id, email: `shopper${id}@example.com`, name, newsletter, address, createdAt };
  }
}

function addressOf(random: Random): Address {
  const street = `${random.pick(words.streets)} ${1 + random.below(200)}`;
  const postcode = String(10_000 + random.below(90_000));
  const { city, country } = random.pick(words.cities);
  return { street, postcode, city, country };
}

export function* productRows(count: number): Generator<ProductRow> {
  const random = new Random(words.streams.products);
  for (let id = 1; id <= count; id += 1) {
    const name = [random.pick(words.adjectives), random.pick(words.materials), random.pick(words.things)].join(" ");
    const description = random.below(4) === 0 ? null : random.pick(words.descriptions);
    const price = amount(99 + random.below(20_000));
    const stock = 500 + random.below(1500);
    const active = random.below(50) !== 0;
    const sku = `SKU-${String(id).padStart(5, "0")}`;
    yield { id, sku, name, description, price, stock, active, createdAt: new Date(EPOCH + id * 11 * MINUTE) };
  }
}

export interface SeededOrder {
  order: OrderRow;
  items: ItemRow[];
}

export function* orderRows(count: number, customers: number, products: readonly ProductRow[]): Generator<SeededOrder> {
  const random = new Random(words.streams.orders);
  let items = 0;
  for (let i = 1; i <= count; i += 1) {
    const id = uuid(random);
    const customerId = 1 + random.below(customers);
    const status = random.pick(words.statuses);
    const created = FIRST_ORDER + i * 97_000 + random.below(97_000);
    const shippedAt = status === "shipped" ? new Date(created + (1 + random.below(72)) * HOUR) : null;
    const note = random.below(10) === 0 ? random.pick(words.notes) : null;
    const lines = orderLines(random, id, products, items);
    items += lines.length;
    const total = amount(lines.reduce((sum, line) => sum + cents(line.unitPrice) * line.quantity, 0));
    yield { order: { id, customerId, status, total, note, createdAt: new Date(created), shippedAt }, items: lines };
  }
}

function orderLines(random: Random, orderId: string, products: readonly ProductRow[], before: number): ItemRow[] {
  const lines = new Map<number, ItemRow>();
  const drawn = 1 + random.below(4);
  for (let line = 0; line < drawn; line += 1) {
    const product = products[random.below(products.length)] as ProductRow;
    const quantity = 1 + random.below(3);
    const productId = random.below(40) === 0 ? null : product.id;
    if (!lines.has(product.id)) {
      const id = before + lines.size + 1;
      lines.set(product.id, { id, orderId, productId, productName: product.name, quantity, unitPrice: product.price });
    }
  }
  return [...lines.values()];
}

function uuid(random: Random): string {
  const digits = Array.from({ length: 4 }, () => random.bits().toString(16).padStart(8, "0")).join("");
  const variant = "89ab"[parseInt(digits.charAt(16), 16) & 3];
  return [
    digits.slice(0, 8),
    digits.slice(8, 12),
    `4${digits.slice(13, 16)}`,
    `${variant}${digits.slice(17, 20)}`,
    digits.slice(20),
  ].join("-");
}
