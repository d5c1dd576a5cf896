'use strict';

// What only shows in processes of their own: leaving, the kill switch, cluster workers.

const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const { promisify } = require('node:util');
const path = require('node:path');
const test = require('node:test');

const { startSidecar } = require('./support');

const run = promisify(execFile);
const PACKAGE = JSON.stringify(path.join(__dirname, '..'));

function node(script, env = {}) {
  return run(process.execPath, ['-e', script], { cwd: __dirname, env: { ...process.env, ...env }, timeout: 10_000 });
}

test('monitoring never keeps a process from ending, with or without a sidecar', async (t) => {
  const sidecar = await startSidecar(t);
  sidecar.answer = () => undefined; // takes the snapshot and never answers
  for (const sidecarUrl of [sidecar.url, 'http://127.0.0.1:9']) {
    const start = performance.now();
    await node(`
      const { scalabilityMonitoringMiddleware } = require(${PACKAGE});
      scalabilityMonitoringMiddleware({ sidecarUrl: '${sidecarUrl}', intervalMs: 100, timeoutMs: 30000 });
      setTimeout(() => undefined, 300);
    `);
    assert.ok(performance.now() - start < 5000);
  }
});

test('close() delivers the last snapshot before the process ends', async (t) => {
  const sidecar = await startSidecar(t);
  await node(`
    const express = require('express');
    const http = require('node:http');
    const { scalabilityMonitoringMiddleware } = require(${PACKAGE});
    const monitoring = scalabilityMonitoringMiddleware({ sidecarUrl: '${sidecar.url}' });
    const server = express().use(monitoring).get('/', (_req, res) => res.send('x')).listen(0, '127.0.0.1', () => {
      http.get({ port: server.address().port, agent: false }, (res) => res.resume().on('end', () => {
        server.close(() => monitoring.close());
      }));
    });
  `);
  assert.equal(sidecar.pushes.at(-1).document.requests.total, 1);
});

test('the kill switch leaves nothing: no timer, no request, the data source as it was', async (t) => {
  const sidecar = await startSidecar(t);
  const { stdout } = await node(
    `
    const outgrow = require(${PACKAGE});
    const middleware = outgrow.scalabilityMonitoringMiddleware({ sidecarUrl: '${sidecar.url}', intervalMs: 100 });
    const source = { createQueryRunner() {} };
    const { createQueryRunner } = source;
    outgrow.instrumentDataSource(source);
    let passed = 0;
    middleware({}, {}, () => (passed += 1));
    const res = { headers: {}, setHeader() {}, end(body) { this.body = body; } };
    outgrow.scalabilityEndpoints()({ method: 'GET', path: '/api/metrics/scalability', url: '/', headers: {} }, res, () => undefined);
    setTimeout(() => console.log(JSON.stringify([passed, source.createQueryRunner === createQueryRunner, res.statusCode])), 300);
  `,
    { OUTGROW_MONITORING: 'off' },
  );
  assert.deepEqual(JSON.parse(stdout), [1, true, 503]);
  assert.equal(sidecar.pushes.length, 0);
});

test('cluster workers push under names of their own', async (t) => {
  const sidecar = await startSidecar(t);
  const env = { ...process.env, OUTGROW_SIDECAR_URL: sidecar.url };
  await run(process.execPath, [path.join(__dirname, 'fixtures', 'cluster.js')], { env, timeout: 10_000 });
  const names = sidecar.pushes.map(({ document }) => `${document.instance} ${document.worker}`);
  assert.equal(new Set(names).size, 2);
  assert.deepEqual(new Set(sidecar.pushes.map(({ document }) => document.worker)), new Set(['1', '2']));
});
