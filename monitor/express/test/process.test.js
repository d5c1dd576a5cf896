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

test('a process that has nothing left to do sends what no snapshot has carried', async (t) => {
  const sidecar = await startSidecar(t);
  const script = `
    const express = require('express');
    const http = require('node:http');
    const { scalabilityMonitoringMiddleware } = require(${PACKAGE});
    const app = express().use(scalabilityMonitoringMiddleware({ sidecarUrl: process.env.SIDECAR, timeoutMs: 30000 }));
    const server = app.get('/', (_req, res) => res.send('x')).listen(0, '127.0.0.1', () => {
      http.get({ port: server.address().port, agent: false }, (res) => res.resume().on('end', () => server.close()));
    });
  `;
  await node(script, { SIDECAR: sidecar.url });
  assert.equal(sidecar.pushes.at(-1).document.requests.total, 1);
  sidecar.answer = () => undefined; // takes the snapshot and never answers
  const start = performance.now();
  await node(script, { SIDECAR: sidecar.url });
  assert.ok(performance.now() - start < 5000);
});

test('import gives what require gives', async (t) => {
  const sidecar = await startSidecar(t);
  const script = `
    import { createRequire } from 'node:module';
    import all, * as outgrow from '@outgrow/express';
    const required = createRequire(import.meta.url)('@outgrow/express');
    const names = Object.keys(required);
    console.log(names.length, names.every((name) => outgrow[name] === required[name]) && all === required);
  `;
  // A package may import itself by its name.
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], {
    cwd: path.join(__dirname, '..'),
    env: { ...process.env, OUTGROW_SIDECAR_URL: sidecar.url },
  });
  assert.equal(stdout.trim(), '4 true');
});

test('a hundred thousand requests leave nothing behind', async () => {
  const { stdout } = await node(`
    const { Worker } = require(${JSON.stringify(path.join(__dirname, '..', 'lib', 'worker.js'))});
    const { Connection } = require(${JSON.stringify(path.join(__dirname, '..', 'lib', 'clients.js'))});
    const worker = new Worker();
    worker.clients.useKey(Buffer.alloc(32, 1), 'a');
    const routes = Array.from({ length: 20 }, (_, i) => ({ path: '/r' + i }));
    function round(n) {
      for (let i = 0; i < n; i += 1) {
        const req = { method: 'GET', url: '/', baseUrl: i % 3 ? '' : '/t' + i, route: i % 7 ? routes[i % 20] : undefined,
          headers: { 'user-agent': 'agent ' + i } };
        const res = { statusCode: 200, getHeader: () => 'text/html' };
        worker.started(req, res);
        worker.ended(req, res, i % 11 !== 0, 0, i % 1000, new Connection('10.' + (i >> 16) + '.' + ((i >> 8) & 255) + '.' + (i & 255)));
      }
      global.gc();
      return process.memoryUsage().heapUsed;
    }
    round(10000);
    const before = round(20000);
    const after = round(90000);
    console.log(JSON.stringify([(after - before) / 1e6, worker.total + worker.aborted, worker.running.size]));
  `.replace(/^/, "require('node:v8').setFlagsFromString('--expose-gc'); global.gc = require('node:vm').runInNewContext('gc');"));
  const [grown, counted, running] = JSON.parse(stdout);
  assert.equal(counted, 120_000);
  assert.equal(running, 0);
  assert.ok(grown < 1, `${grown} MB`);
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
    outgrow.scalabilityEndpoints()({ method: 'GET', url: '/api/metrics/scalability', headers: {} }, res, () => undefined);
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
