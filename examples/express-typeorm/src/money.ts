/** Amounts of money: decimal text with two digits ("19.99") at every boundary, whole cents in between. Never a float. */

import type { ValueTransformer } from "typeorm";

/** "19.99" as 1999. */
export function cents(amount: string): number {
  return Math.round(Number(amount) * 100);
}

/** 1999 as "19.99". */
export function amount(cents: number): string {
  return (cents / 100).toFixed(2);
}

/** What a database answered for a decimal (SQLite: a number; PostgreSQL: text) as two-digit text. */
export function decimalText(stored: string | number): string {
  return Number(stored).toFixed(2);
}

/** Entity columns hold amounts as text, so that both databases give the same JSON. */
export const money: ValueTransformer = {
  to: (value: string) => value,
  from: (stored: string | number) => decimalText(stored),
};
