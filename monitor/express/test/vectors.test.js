'use strict';

// ../../middleware/vectors.json pins what every worker counts, whatever its language.

const assert = require('node:assert/strict');
const test = require('node:test');

const { LatencyBuckets, bucketIndex } = require('../lib/buckets');
const { ClientWindow, canonicalAddress, clientHash } = require('../lib/clients');
const { registerAndRank } = require('../lib/hyperloglog');
const { TrustedProxies } = require('../lib/proxies');
const { withoutLiterals } = require('../lib/statements');
const { Worker } = require('../lib/worker');
const vectors = require('../../middleware/vectors.json');

const salt = Buffer.from(vectors.clients.salt, 'base64');

function registersOf(clients) {
  const window = new ClientWindow();
  window.useKey(salt, 'vectors');
  for (const [address, agent] of clients) {
    window.record(address, agent);
  }
  return window.toJSON().registers;
}

test('every latency falls into the pinned bucket', () => {
  for (const { seconds, index } of vectors.latency.cases) {
    assert.equal(bucketIndex(seconds), index, `${seconds} s`);
  }
  assert.equal(bucketIndex(Infinity), 1016);
  assert.equal(bucketIndex(NaN), 0);
});

test('recorded latencies are written as counts by bucket', () => {
  const buckets = new LatencyBuckets();
  for (const seconds of [0.1, 0.1, 0.8]) {
    buckets.record(seconds);
  }
  const expected = { [bucketIndex(0.1)]: 2, [bucketIndex(0.8)]: 1 };
  assert.deepEqual(buckets.toJSON(), { buckets: expected, sum_seconds: 1, count: 3 });
});

test('every client is reduced to the pinned address and hashed to the pinned value', () => {
  for (const { ip, user_agent: agent, canonical, hash, register, rank } of vectors.clients.cases) {
    assert.equal(canonicalAddress(ip), canonical);
    const digest = clientHash(salt, ip, agent);
    assert.equal(digest.subarray(0, 8).toString('hex'), hash);
    assert.deepEqual(registerAndRank(digest), { register, rank });
  }
});

test('every hash has the pinned register and rank', () => {
  for (const { hash, register, rank } of vectors.clients.ranks) {
    assert.deepEqual(registerAndRank(Buffer.from(hash, 'hex')), { register, rank });
  }
});

test('the registers are the pinned bytes', () => {
  const cases = vectors.clients.cases.map((client) => [client.ip, client.user_agent]);
  assert.equal(registersOf(cases), vectors.clients.registers);
  const crowd = Array.from({ length: 1000 }, (_, i) => [`198.51.${Math.floor(i / 250)}.${i % 250}`, 'load']);
  assert.equal(registersOf(crowd), vectors.clients.population.registers);
});

test('every request behind proxies has the pinned client', () => {
  for (const { trust, peer, forwarded, client } of vectors.proxies.cases) {
    assert.equal(new TrustedProxies(trust).client(peer, forwarded), client, JSON.stringify({ trust, peer, forwarded }));
  }
});

test('every statement is written as pinned, and stays as it is when it is written again', () => {
  for (const { sql, written } of vectors.statements.cases) {
    assert.equal(withoutLiterals(sql), written);
    assert.equal(withoutLiterals(written), written);
  }
});

test('a snapshot has the shape of the pinned document', () => {
  const shape = (value) =>
    value !== null && typeof value === 'object' ? Object.fromEntries(Object.keys(value).sort().map((key) => [key, shape(value[key])])) : typeof value;
  const queries = { toJSON: () => vectors.push.document.queries, statements: vectors.push.document.slow_statements };
  const worker = new Worker({ queries });
  worker.clients.useKey(salt, 'vectors');
  const document = JSON.parse(JSON.stringify(worker.snapshot({ delay_p99_ms: 1.5, utilization: 0.5 }, 3)));
  const expected = structuredClone(vectors.push.document);
  for (const part of [document, expected]) {
    part.latency.buckets = {};
    part.routes = {};
  }
  assert.deepEqual(shape(document), shape(expected));
});
