'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');

const { monitoringIsOff, readOptions } = require('../lib/options');

async function warningsOf(run) {
  const heard = [];
  const listener = (warning) => heard.push(warning.message);
  process.on('warning', listener);
  const result = run();
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', listener);
  return { heard, result };
}

test('without options the defaults hold', () => {
  assert.deepEqual({ ...readOptions(undefined, {}) }, {
    sidecarUrl: 'http://127.0.0.1:9464',
    token: null,
    endpoints: 'local',
    intervalMs: 5000,
    timeoutMs: 1000,
    clientWindowSeconds: 300,
    trustedProxies: 0,
  });
});

test('options win over the environment', () => {
  const env = { OUTGROW_SIDECAR_URL: 'http://127.0.0.1:1', OUTGROW_MONITOR_TOKEN: 'env' };
  assert.equal(readOptions({}, env).sidecarUrl, 'http://127.0.0.1:1');
  assert.equal(readOptions({}, env).token, 'env');
  assert.equal(readOptions({ sidecarUrl: 'http://127.0.0.1:2/', token: 'mine' }, env).sidecarUrl, 'http://127.0.0.1:2');
  assert.equal(readOptions({ token: 'mine' }, env).token, 'mine');
});

test('what cannot be used is a warning, not an error', async () => {
  const options = { sidecarUrl: 'file:///etc/passwd', intervalMs: -5, timeoutMs: 'soon', trustedProxies: 1.5 };
  const { heard, result } = await warningsOf(() => readOptions(options, {}));
  assert.equal(result.sidecarUrl, 'http://127.0.0.1:9464');
  assert.equal(result.intervalMs, 5000);
  assert.equal(result.timeoutMs, 1000);
  assert.equal(result.trustedProxies, 0);
  assert.equal(heard.length, 4);
});

test('the kill switch is one word in the environment', () => {
  assert.equal(monitoringIsOff({}), false);
  assert.equal(monitoringIsOff({ OUTGROW_MONITORING: 'on' }), false);
  assert.equal(monitoringIsOff({ OUTGROW_MONITORING: 'OFF' }), true);
});
