'use strict';

// Distinct clients of the last minutes (five unless told otherwise). An address and user agent are hashed with a random key that the sidecar renews
// daily; only the largest rank per register is kept. Neither the address nor the user agent is stored, logged or sent.

const { createHmac, randomBytes } = require('node:crypto');
const { isIPv6 } = require('node:net');

const { REGISTERS, mergeInto, registerAndRank } = require('./hyperloglog');

const WINDOW_SECONDS = 300;
/** Sets of registers in the window: it forgets one part at a time. */
const PARTS = 5;
/** Clients whose place in the registers is remembered, so that each costs one HMAC and not one a request. */
const MAX_REMEMBERED = 10_000;

/** The 16-bit groups of a valid IPv6 address without zone. */
function groups(address) {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  if (dotted) {
    const [a, b, c, d] = dotted.slice(2).map(Number);
    address = `${dotted[1]}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  }
  const [head, tail] = address.split('::').map((part) => (part === '' ? [] : part.split(':')));
  const missing = tail === undefined ? 0 : 8 - head.length - tail.length;
  return [...head, ...Array(missing).fill('0'), ...(tail ?? [])].map((group) => parseInt(group, 16));
}

/**
 * Reduce an address to what counts as one client: IPv4 as it is, IPv4 inside IPv6 as IPv4, other IPv6 cut to its /64, which is
 * one customer's line. Anything else (a Unix socket's name) stays as it is.
 */
function canonicalAddress(address) {
  if (!address.includes(':')) {
    return address;
  }
  const bare = address.split('%', 1)[0];
  if (!isIPv6(bare)) {
    return address;
  }
  const parts = groups(bare);
  if (parts.slice(0, 5).every((part) => part === 0) && parts[5] === 0xffff) {
    return [parts[6] >> 8, parts[6] & 255, parts[7] >> 8, parts[7] & 255].join('.');
  }
  const network = parts.slice(0, 4).map((part) => part.toString(16).padStart(4, '0'));
  return `${network.join(':')}::/64`;
}

/** The keyed hash of a client; its first 8 bytes count. */
function clientHash(salt, address, userAgent) {
  return createHmac('sha256', salt).update(`${canonicalAddress(address)}|${userAgent}`).digest();
}

/**
 * Remembers where clients belong under a quick 53-bit hash with a random start of its own, so that this holds no address and no
 * user agent either. Two clients under one hash would be counted as one; among 10,000 that happens once in 10^8 windows.
 */
class Remembered {
  constructor() {
    this.places = new Map();
    this.seeds = [randomBytes(4).readInt32LE(), randomBytes(4).readInt32LE()];
  }

  #key(address, userAgent) {
    let [a, b] = this.seeds;
    for (const text of [address, userAgent]) {
      for (let i = 0; i < text.length; i += 1) {
        const code = text.charCodeAt(i);
        a = Math.imul(a ^ code, 0x9e3779b1);
        b = Math.imul(b ^ code, 0x5f356495);
        b ^= a >>> 15;
      }
      a ^= b >>> 13; // where one text ends matters
    }
    return (a >>> 0) * 2 ** 21 + (b >>> 11);
  }

  place(address, userAgent, compute) {
    const key = this.#key(address, userAgent);
    let place = this.places.get(key);
    if (place === undefined) {
      if (this.places.size >= MAX_REMEMBERED) {
        this.places.clear();
      }
      place = compute();
      this.places.set(key, place);
    }
    return place;
  }
}

/** Registers of the last `windowSeconds`. Nothing is counted until the sidecar has handed out its key. */
class ClientWindow {
  constructor(windowSeconds = WINDOW_SECONDS, now = () => performance.now()) {
    this.windowSeconds = windowSeconds;
    this.windowMs = windowSeconds * 1000;
    this.now = now;
    this.salt = null;
    this.saltId = null;
    this.parts = Array.from({ length: PARTS }, () => ({ number: -1, registers: new Uint8Array(REGISTERS) }));
    this.remembered = new Remembered();
  }

  /** Use the sidecar's key. Hashes under different keys cannot be merged, so a new key starts a new window. */
  useKey(salt, saltId) {
    if (saltId === this.saltId) {
      return;
    }
    this.salt = salt;
    this.saltId = saltId;
    this.remembered = new Remembered();
    for (const part of this.parts) {
      part.number = -1;
    }
  }

  /**
   * Count the client of a connection that may have been counted before: one that asks again with the same headers costs a
   * comparison. `connection` lives as long as its socket does.
   */
  recordOn(connection, userAgent, forwardedFor, proxies, now) {
    if (this.salt === null) {
      return;
    }
    const number = Math.floor((now * PARTS) / this.windowMs);
    if (
      connection.number === number &&
      connection.saltId === this.saltId &&
      connection.userAgent === userAgent &&
      connection.forwardedFor === forwardedFor
    ) {
      return;
    }
    this.record(proxies.client(connection.peer, forwardedFor), userAgent ?? '');
    connection.number = number;
    connection.saltId = this.saltId;
    connection.userAgent = userAgent;
    connection.forwardedFor = forwardedFor;
  }

  record(address, userAgent) {
    if (this.salt === null) {
      return;
    }
    const { register, rank } = this.remembered.place(address, userAgent, () =>
      registerAndRank(clientHash(this.salt, address, userAgent)),
    );
    const registers = this.#currentRegisters();
    if (rank > registers[register]) {
      registers[register] = rank;
    }
  }

  /** Parts are numbered since the clock's zero. */
  #currentNumber() {
    return Math.floor((this.now() * PARTS) / this.windowMs);
  }

  #currentRegisters() {
    const number = this.#currentNumber();
    const part = this.parts[number % PARTS];
    if (part.number !== number) {
      part.number = number;
      part.registers.fill(0);
    }
    return part.registers;
  }

  toJSON() {
    if (this.salt === null) {
      return null;
    }
    const oldest = this.#currentNumber() - PARTS + 1;
    const merged = new Uint8Array(REGISTERS);
    for (const part of this.parts) {
      if (part.number >= 0 && part.number >= oldest) {
        mergeInto(merged, part.registers);
      }
    }
    return {
      window_seconds: this.windowSeconds,
      salt_id: this.saltId,
      registers: Buffer.from(merged.buffer).toString('base64'),
    };
  }
}

/** What is remembered of a connection while it is open. */
class Connection {
  constructor(peer) {
    this.peer = peer;
    this.number = -1;
    this.saltId = null;
    this.userAgent = undefined;
    this.forwardedFor = undefined;
  }
}

module.exports = { ClientWindow, Connection, WINDOW_SECONDS, canonicalAddress, clientHash };
