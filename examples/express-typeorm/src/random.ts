/** The repeatable generator of ../contract/README.md: xorshift32, so that every language draws the same numbers. */

export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** The next 32 bits. */
  bits(): number {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x >>> 0;
    return this.state;
  }

  /** A whole number from 0 to n - 1. Exact: the product stays below 2^53. */
  below(n: number): number {
    return Math.floor((this.bits() * n) / 2 ** 32);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
}
