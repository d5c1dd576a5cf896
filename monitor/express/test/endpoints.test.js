'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');

const { scalabilityEndpoints, scalabilityMonitoringMiddleware } = require('..');
const { VERSIONS, ask, startApp, startSidecar, until } = require('./support');

const BASE = '/api/metrics/scalability';

function withEndpoints(express, options, monitoring) {
  const app = express();
  if (monitoring) {
    app.use(monitoring);
  }
  app.use(scalabilityEndpoints(options));
  app.get('/own', (_req, res) => res.send('own'));
  app.post(BASE, (_req, res) => res.send('posted'));
  return app;
}

for (const [name, express] of VERSIONS) {
  test(`${name}: the three endpoints answer what the sidecar answers`, async (t) => {
    const sidecar = await startSidecar(t);
    sidecar.answer = (req, res) => {
      res.statusCode = 200;
      res.setHeader('content-type', 'text/plain; version=0.0.4');
      res.setHeader('x-internal', 'stays here');
      res.end(`${req.url} ${req.headers.accept}`);
    };
    const url = await startApp(t, withEndpoints(express, { sidecarUrl: sidecar.url }));
    for (const path of [BASE, `${BASE}/assessment`, `${BASE}/prometheus?names=mission`]) {
      const answer = await ask(url + path, { headers: { accept: 'text/plain', cookie: 'session=1' } });
      assert.equal(answer.status, 200);
      assert.equal(answer.body, `${path} text/plain`);
      assert.equal(answer.headers['content-type'], 'text/plain; version=0.0.4');
      assert.equal(answer.headers['x-internal'], undefined);
    }
    assert.equal((await ask(url + BASE, { method: 'HEAD' })).body, '');
  });

  test(`${name}: other paths and methods belong to the application`, async (t) => {
    const sidecar = await startSidecar(t);
    const url = await startApp(t, withEndpoints(express, { sidecarUrl: sidecar.url }));
    assert.equal((await ask(`${url}/own`)).body, 'own');
    assert.equal((await ask(`${url}${BASE}/push`)).status, 404);
    assert.equal((await ask(url + BASE, { method: 'POST' })).body, 'posted');
    assert.equal(sidecar.pushes.length, 0);
  });

  test(`${name}: without a sidecar the answer is unknown, soon`, async (t) => {
    const sidecar = await startSidecar(t);
    const url = await startApp(t, withEndpoints(express, { sidecarUrl: sidecar.url, timeoutMs: 100 }));
    const faults = [
      (_req, res) => void (res.statusCode = 500) || res.end(),
      (_req, res) => void (res.statusCode = 401) || res.end(),
      (req) => req.socket.destroy(),
      () => undefined, // never answers
      (_req, res) => res.write('half'), // never ends
    ];
    for (const fault of faults) {
      sidecar.answer = fault;
      const start = performance.now();
      const answer = await ask(`${url}${BASE}/assessment`);
      assert.equal(answer.status, 503);
      assert.deepEqual(JSON.parse(answer.body), { status: 'unknown' });
      assert.ok(performance.now() - start < 3000);
    }
    sidecar.close();
    assert.equal((await ask(url + BASE)).status, 503);
  });

  test(`${name}: asking for the figures does not change them`, async (t) => {
    const sidecar = await startSidecar(t);
    const monitoring = scalabilityMonitoringMiddleware({ sidecarUrl: sidecar.url, intervalMs: 60_000 });
    t.after(() => monitoring.close());
    const url = await startApp(t, withEndpoints(express, { sidecarUrl: sidecar.url }, monitoring));
    await ask(url + BASE);
    await ask(`${url}${BASE}/prometheus`);
    await ask(`${url}/own`);
    const last = () => sidecar.pushes.at(-1).document;
    await until(async () => (await monitoring.flush()) && last().requests.in_flight === 0, 'the end of all requests');
    const { requests, routes } = last();
    assert.equal(requests.total, 1);
    assert.deepEqual(Object.keys(routes), ['GET /own']);
  });
}
