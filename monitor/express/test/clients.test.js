'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');

const { ClientWindow, clientAddress } = require('../lib/clients');

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
  window.record({}, '203.0.113.1', 'x');
  assert.equal(window.toJSON(), null);
});

test('a client counts once, however many connections and requests it makes', () => {
  const window = windowAt({ seconds: 0 });
  const connection = {};
  window.record(connection, '203.0.113.1', 'x');
  window.record(connection, '203.0.113.1', 'x');
  window.record({}, '203.0.113.1', 'x');
  assert.equal(seen(window), 1);
});

test('one connection may carry several clients behind a proxy', () => {
  const window = windowAt({ seconds: 0 });
  const connection = {};
  for (let i = 0; i < 20; i += 1) {
    window.record(connection, `203.0.113.${i}`, 'x');
  }
  assert.ok(seen(window) >= 18);
});

test('clients are forgotten after the window, a fifth of it at a time', () => {
  const clock = { seconds: 0 };
  const window = windowAt(clock);
  window.record({}, '203.0.113.1', 'x');
  clock.seconds = 150;
  window.record({}, '203.0.113.2', 'x');
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
  window.record({}, '203.0.113.1', 'x');
  clock.seconds = 10;
  assert.equal(seen(window), 0);
  assert.equal(window.toJSON().window_seconds, 10);
});

test('a new key starts a new window, the same key does not', () => {
  const window = windowAt({ seconds: 0 });
  window.record({}, '203.0.113.1', 'x');
  window.useKey(KEY, 'a');
  assert.equal(seen(window), 1);
  window.useKey(Buffer.alloc(32, 8), 'b');
  assert.equal(seen(window), 0);
  assert.equal(window.toJSON().salt_id, 'b');
});

test('no address and no user agent is in what is sent', () => {
  const window = windowAt({ seconds: 0 });
  window.record({}, '203.0.113.77', 'SecretAgent/7');
  const text = JSON.stringify(window);
  assert.ok(!text.includes('203.0.113.77'));
  assert.ok(!text.includes('SecretAgent'));
});

test('without trusted proxies X-Forwarded-For is ignored', () => {
  assert.equal(clientAddress('10.0.0.1', '1.2.3.4', 0), '10.0.0.1');
});

test('behind proxies the address is counted from the end, where clients cannot write', () => {
  assert.equal(clientAddress('10.0.0.1', '6.6.6.6, 1.2.3.4', 1), '1.2.3.4');
  assert.equal(clientAddress('10.0.0.1', '6.6.6.6, 1.2.3.4, 10.0.0.2', 2), '1.2.3.4');
  assert.equal(clientAddress('10.0.0.1', '', 1), '10.0.0.1');
  assert.equal(clientAddress('10.0.0.1', undefined, 1), '10.0.0.1');
});

test('fewer entries than proxies: the request came another way, and the connection decides', () => {
  assert.equal(clientAddress('10.0.0.1', '6.6.6.6', 2), '10.0.0.1');
});
