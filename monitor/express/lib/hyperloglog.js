'use strict';

// HyperLogLog with 4,096 registers: how many distinct hashes were seen (standard error 1.6 %), in 4 KiB, without keeping any.

/** Bits of the hash that choose the register. */
const PRECISION = 12;
const REGISTERS = 1 << PRECISION;
const REST_IN_HIGH_WORD = 32 - PRECISION;

/**
 * Split a 64-bit hash (a buffer's first 8 bytes, big endian): the top 12 bits are the register, the leading zeros of the other
 * 52 plus one the rank.
 */
function registerAndRank(hash) {
  const high = hash.readUInt32BE(0);
  const rest = high & ((1 << REST_IN_HIGH_WORD) - 1);
  const zeros = rest === 0 ? REST_IN_HIGH_WORD + Math.clz32(hash.readUInt32BE(4)) : Math.clz32(rest) - PRECISION;
  return { register: high >>> REST_IN_HIGH_WORD, rank: zeros + 1 };
}

/** Keep the larger rank of each register. */
function mergeInto(target, source) {
  for (let i = 0; i < REGISTERS; i += 1) {
    if (source[i] > target[i]) {
      target[i] = source[i];
    }
  }
}

module.exports = { REGISTERS, mergeInto, registerAndRank };
