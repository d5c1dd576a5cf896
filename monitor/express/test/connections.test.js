'use strict';

// Long-lived connections, the endpoints' audience, Unix sockets, and a monitor that fails everywhere.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');

const { scalabilityMonitoringMiddleware } = require('..');
const { LatencyBuckets } = require('../lib/buckets');
const { ClientWindow } = require('../lib/clients');
const { Connections } = require('../lib/connections');
const { RouteCounts } = require('../lib/routes');
const { Worker } = require('../lib/worker');
const { SALT, VERSIONS, ask, pause, startApp, startSidecar, until } = require('./support');

const BASE = '/api/metrics/scalability';

async function measured(t, options = {}) {
  const sidecar = await startSidecar(t);
  const monitoring = scalabilityMonitoringMiddleware({ sidecarUrl: sidecar.url, intervalMs: 60_000, ...options });
  t.after(() => monitoring.close());
  await until(() => sidecar.pushes.length === 1, 'the first push, which brings the key');
  const document = async () => {
    await until(() => monitoring.flush(), 'a push that arrives');
    return sidecar.pushes.at(-1).document;
  };
  return { sidecar, monitoring, document };
}

for (const [name, express] of VERSIONS) {
  test(`${name}: event streams are connections while they are open, however their headers were written`, async (t) => {
    const { monitoring, document } = await measured(t);
    const app = express().disable('x-powered-by').use(monitoring);
    app.get('/set', (_req, res) => res.set('content-type', 'text/event-stream').flushHeaders());
    app.get('/head', (_req, res) => res.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: 1\n\n'));
    const url = await startApp(t, app);
    const open = ['/set', '/head'].map((target) => http.get(url + target, { agent: false }).on('error', () => undefined));
    await until(async () => (await document()).connections.event_streams === 2, 'two streams');
    const during = await document();
    assert.equal(during.requests.in_flight, 0);
    assert.equal(during.connections.open, 2);
    open.forEach((request) => request.destroy());
    await until(async () => (await document()).requests.total === 2, 'their end');
    const after = await document();
    assert.deepEqual([after.connections.event_streams, after.requests.aborted, after.latency.count], [0, 0, 0]);
  });

  test(`${name}: a WebSocket is a connection, and an upgrade nobody listens for an ordinary request`, async (t) => {
    const { monitoring, document } = await measured(t);
    const app = express().use(monitoring);
    app.get('/', (_req, res) => res.send('plain'));
    const server = http.createServer(app);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => server.close() && server.closeAllConnections());
    const { port } = server.address();
    const upgrade = { connection: 'Upgrade', upgrade: 'websocket' };
    assert.equal((await ask(`http://127.0.0.1:${port}/`, { headers: upgrade })).body, 'plain');
    const listener = (_req, socket) => socket.resume().on('end', () => socket.end()).write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
    server.on('upgrade', listener);
    await document(); // from the next snapshot on they are counted
    const [, socket] = await once(http.get({ port, headers: upgrade, agent: false }), 'upgrade');
    assert.equal((await document()).connections.websockets, 1);
    socket.destroy();
    await until(async () => (await document()).connections.websockets === 0, 'its end');
    server.off('upgrade', listener);
    await document();
    assert.equal(server.listenerCount('upgrade'), 0);
    assert.equal((await ask(`http://127.0.0.1:${port}/`, { headers: upgrade })).body, 'plain');
  });

  test(`${name}: the middleware alone serves the endpoints to this machine, and does not count them`, async (t) => {
    const { sidecar, monitoring, document } = await measured(t);
    const url = await startApp(t, express().use(monitoring));
    const { answer } = sidecar;
    sidecar.answer = (req, res) => (req.method === 'POST' ? answer(req, res) : res.end(req.url));
    for (const target of [BASE, `${BASE}/assessment?strict=1`, `${BASE}/prometheus`]) {
      assert.equal((await ask(url + target)).body, target);
    }
    assert.equal((await ask(`${url}${BASE}/assessment/`)).body, `${BASE}/assessment`);
    assert.equal((await ask(`${url}${BASE}/push`, { method: 'POST' })).status, 404);
    sidecar.answer = () => undefined;
    const timed = scalabilityMonitoringMiddleware({ sidecarUrl: 'http://127.0.0.1:9', timeoutMs: 100 });
    t.after(() => timed.close());
    const unknown = await ask(`${await startApp(t, express().use(timed))}${BASE}`);
    assert.deepEqual([unknown.status, unknown.body], [503, '{"status":"unknown"}']);
    sidecar.answer = answer;
    assert.equal((await document()).requests.total, 1); // what was posted
  });
}

const [[, express]] = VERSIONS;

test('what a proxy hands on is not from this machine: a token, or the application decides', async (t) => {
  const { sidecar, monitoring } = await measured(t);
  sidecar.answer = (_req, res) => res.end('figures');
  const status = async (url, headers) => (await ask(url + BASE, { headers })).status;
  const proxied = { 'x-forwarded-for': '203.0.113.9' };
  assert.equal(await status(await startApp(t, express().use(monitoring)), proxied), 404);
  const audiences = [
    [{ token: 'open sesame' }, [401, 200, 401]],
    [{ endpoints: true }, [200, 200, 200]],
    [{ endpoints: false, token: 'open sesame' }, [404, 404, 404]],
  ];
  for (const [options, expected] of audiences) {
    const other = scalabilityMonitoringMiddleware({ sidecarUrl: sidecar.url, ...options });
    const url = await startApp(t, express().use(other));
    const right = { ...proxied, authorization: 'Bearer open sesame' };
    const wrong = { ...proxied, authorization: 'Bearer open sesam' };
    assert.deepEqual([await status(url, proxied), await status(url, right), await status(url, wrong)], expected);
  }
});

test('the sidecar may listen on a Unix socket', async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'outgrow-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'monitor.sock');
  const server = http.createServer((req, res) => {
    req.resume().on('end', () => res.end(req.method === 'POST' ? JSON.stringify({ salt: SALT, salt_id: 'a' }) : 'figures'));
  });
  server.listen(file);
  await once(server, 'listening');
  t.after(() => server.close() && server.closeAllConnections());
  const monitoring = scalabilityMonitoringMiddleware({ sidecarUrl: `unix:${file}`, intervalMs: 60_000 });
  t.after(() => monitoring.close());
  await until(() => monitoring.flush(), 'a push that arrives');
  assert.equal((await ask(`${await startApp(t, express().use(monitoring))}${BASE}`)).body, 'figures');
});

test('clients behind trusted networks are told apart, and untrusted peers cannot invent any', async (t) => {
  for (const [trustedProxies, expected] of [[['127.0.0.0/8'], 20], [1, 20], [['10.0.0.0/8'], 1], [0, 1]]) {
    const { monitoring, document } = await measured(t, { trustedProxies });
    const url = await startApp(t, express().use(monitoring));
    for (let i = 0; i < 20; i += 1) {
      await ask(url, { headers: { 'x-forwarded-for': `6.6.6.${i % 2}, 203.0.113.${i}`, 'user-agent': 'x' } });
    }
    const registers = Buffer.from((await document()).clients.registers, 'base64');
    assert.equal(registers.filter((rank) => rank > 0).length, expected, String(trustedProxies));
  }
});

test('a monitor that fails everywhere changes no answer, and none of it is seen', async (t) => {
  const { monitoring } = await measured(t);
  const app = express().use(monitoring);
  app.get('/', (_req, res) => res.set('x-own', '1').send('x'));
  const url = await startApp(t, app);
  const hooks = [
    ...['started', 'ended', 'ignored', 'snapshot'].map((hook) => [Worker.prototype, hook]),
    ...['recordOn', 'record', 'useKey', 'toJSON'].map((hook) => [ClientWindow.prototype, hook]),
    ...['record', 'toJSON'].map((hook) => [RouteCounts.prototype, hook]),
    ...['record', 'toJSON'].map((hook) => [LatencyBuckets.prototype, hook]),
    ...['see', 'countOpen'].map((hook) => [Connections.prototype, hook]),
  ];
  const bare = await ask(await startApp(t, (req, res) => void express().get('/', (_q, r) => r.set('x-own', '1').send('x'))(req, res)));
  for (const [owner, hook] of hooks) {
    const broken = t.mock.method(owner, hook, () => {
      throw new Error('on purpose');
    });
    const answer = await ask(url);
    await monitoring.flush();
    broken.mock.restore();
    const same = ({ status, body, headers }) => ({ status, body, headers: { ...headers, date: undefined } });
    assert.deepEqual(same(answer), same(bare), hook);
  }
});

test('a sidecar that is slow does not slow an answer', async (t) => {
  const { sidecar, monitoring } = await measured(t, { timeoutMs: 3000 });
  sidecar.answer = () => undefined;
  const url = await startApp(t, express().use(monitoring).get('/', (_req, res) => res.send('x')));
  const pushing = monitoring.flush();
  const fast = await Promise.race([Promise.all(Array.from({ length: 20 }, () => ask(url))), pushing]);
  assert.equal(fast.length, 20); // all answered while the sidecar still had not
  sidecar.close();
  await pushing;
});

test('a connection that is reset is an abort', async (t) => {
  const { monitoring, document } = await measured(t);
  const url = await startApp(t, express().use(monitoring).get('/', () => undefined));
  const socket = net.connect(Number(new URL(url).port), '127.0.0.1');
  await once(socket, 'connect');
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  await until(async () => (await document()).requests.in_flight === 1, 'its arrival');
  socket.resetAndDestroy();
  await until(async () => (await document()).requests.aborted === 1, 'the abort');
  await pause(1);
});
