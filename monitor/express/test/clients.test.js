'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');
const { inspect } = require('node:util');

const { ClientWindow } = require('../lib/clients');

const KEY = Buffer.alloc(32, 7);

function seen(window) {
  return Buffer.from(window.toJSON().registers, 'base64').filter((rank) => rank > 0).length;
}

function windowAt(clock, seconds = 300) {
  const window = new ClientWindow(seconds, () => clock.seconds * 1000);
  window.useKey(KEY, 'a');
  return window;
}

test('nothing is counted before the sidecar has handed out its key', () => {
  const window = new ClientWindow();
  window.record('203.0.113.1', 'x');
  assert.equal(window.toJSON(), null);
});

test('a client counts once, however many requests it makes', () => {
  const window = windowAt({ seconds: 0 });
  for (let i = 0; i < 3; i += 1) {
    window.record('203.0.113.1', 'x');
  }
  assert.equal(seen(window), 1);
});

test('what is remembered of clients is bounded and changes no register', () => {
  const once = windowAt({ seconds: 0 });
  const again = windowAt({ seconds: 0 });
  for (let i = 0; i < 25_000; i += 1) {
    once.record(`10.0.${i >> 8}.${i & 255}`, 'x');
    again.record(`10.0.${i >> 8}.${i & 255}`, 'x');
    again.record(`10.0.${i >> 8}.${i & 255}`, 'x');
  }
  assert.ok(again.remembered.places.size <= 10_000);
  assert.equal(again.toJSON().registers, once.toJSON().registers);
});

test('address and user agent are kept apart', () => {
  const { remembered } = windowAt({ seconds: 0 });
  const places = [['a', 'bc'], ['ab', 'c'], ['abc', ''], ['', 'abc']].map(([address, agent]) => remembered.place(address, agent, () => ({})));
  assert.equal(new Set(places).size, 4);
});

test('clients are forgotten after the window, a fifth of it at a time', () => {
  const clock = { seconds: 0 };
  const window = windowAt(clock);
  window.record('203.0.113.1', 'x');
  clock.seconds = 150;
  window.record('203.0.113.2', 'x');
  assert.equal(seen(window), 2);
  clock.seconds = 299;
  assert.equal(seen(window), 2);
  clock.seconds = 300;
  assert.equal(seen(window), 1);
  clock.seconds = 10_000;
  assert.equal(seen(window), 0);
});

test('the window can be shorter', () => {
  const clock = { seconds: 0 };
  const window = windowAt(clock, 10);
  window.record('203.0.113.1', 'x');
  clock.seconds = 10;
  assert.equal(seen(window), 0);
  assert.equal(window.toJSON().window_seconds, 10);
});

test('a new key starts a new window, the same key does not', () => {
  const window = windowAt({ seconds: 0 });
  window.record('203.0.113.1', 'x');
  window.useKey(KEY, 'a');
  assert.equal(seen(window), 1);
  window.useKey(Buffer.alloc(32, 8), 'b');
  assert.equal(seen(window), 0);
  assert.equal(window.toJSON().salt_id, 'b');
});

test('no address and no user agent is in what is kept or sent', () => {
  const window = windowAt({ seconds: 0 });
  window.record('203.0.113.77', 'SecretAgent/7');
  for (const text of [JSON.stringify(window), inspect(window, { depth: 10, maxArrayLength: 10_000 })]) {
    assert.ok(!text.includes('203.0.113.77'));
    assert.ok(!text.includes('SecretAgent'));
  }
});
