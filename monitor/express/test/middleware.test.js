'use strict';

// Real applications, real sockets, known delays: what is pushed must be what happened.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const net = require('node:net');
const test = require('node:test');

const { scalabilityMonitoringMiddleware } = require('..');
const { bucketIndex } = require('../lib/buckets');
const { Worker } = require('../lib/worker');
const { VERSIONS, ask, leave, pause, startApp, startSidecar, until } = require('./support');

/** An application in which every kind of request has its route. */
function shop(express, monitoring) {
  const app = express();
  app.use(monitoring);
  app.get('/fast', (_req, res) => res.json({}));
  app.get('/wait/:ms', (req, res) => void setTimeout(() => res.send('done'), Number(req.params.ms)));
  app.get('/broken', () => {
    throw new Error('on purpose');
  });
  app.get('/moved', (_req, res) => res.redirect('/fast'));
  app.get('/stream', async (_req, res) => {
    for (let i = 0; i < 3; i += 1) {
      res.write(`part ${i}`);
      await pause(30);
    }
    res.end();
  });
  app.get('/events', (_req, res) => {
    res.setHeader('content-type', 'text/event-stream');
    res.write('data: 1\n\n');
  });
  const orders = express.Router();
  orders.get('/:id', (_req, res) => res.json({}));
  orders.post('/', (_req, res) => res.status(201).json({}));
  app.use('/orders', orders);
  app.use((_error, _req, res, _next) => res.status(500).json({}));
  return app;
}

async function running(t, express, options = {}) {
  const sidecar = await startSidecar(t);
  const monitoring = scalabilityMonitoringMiddleware({ sidecarUrl: sidecar.url, intervalMs: 60_000, ...options });
  await until(() => sidecar.pushes.length === 1, 'the first push, which brings the key');
  const url = await startApp(t, shop(express, monitoring));
  t.after(() => monitoring.close());
  const pushed = async () => {
    await until(() => monitoring.flush(), 'a push that arrives');
    return sidecar.pushes.at(-1).document;
  };
  // A client may have its answer before the server knows that it is written.
  const measured = async () => {
    let document;
    await until(async () => (document = await pushed()).requests.in_flight === 0, 'the end of all requests');
    return document;
  };
  return { url, sidecar, monitoring, pushed, measured };
}

function slowerThan(document, seconds) {
  return Object.entries(document.latency.buckets)
    .filter(([index]) => Number(index) >= bucketIndex(seconds))
    .reduce((sum, [, count]) => sum + count, 0);
}

for (const [name, express] of VERSIONS) {
  test(`${name}: every answer is counted once, by status and route, with its delay`, async (t) => {
    const { url, measured } = await running(t, express);
    const requests = [
      ...Array(6).fill('/fast'),
      ...Array(4).fill('/wait/150'),
      ...Array(2).fill('/wait/450'),
      ...Array(3).fill('/broken'),
      '/moved',
      '/orders/7',
      '/orders/8',
    ];
    await Promise.all(requests.map((path) => ask(url + path)));
    await ask(`${url}/orders`, { method: 'POST' });
    const document = await measured();
    assert.deepEqual(document.requests.by_class, { '2xx': 15, '3xx': 1, '4xx': 0, '5xx': 3 });
    assert.equal(document.requests.total, 19);
    assert.equal(document.requests.aborted, 0);
    assert.equal(document.requests.in_flight, 0);
    assert.equal(document.latency.count, 19);
    assert.equal(slowerThan(document, 0.15), 6, 'six waited 150 ms or more');
    assert.equal(slowerThan(document, 0.45), 2, 'two waited 450 ms or more');
    assert.ok(document.latency.sum_seconds >= 4 * 0.15 + 2 * 0.45);
    assert.deepEqual(
      Object.fromEntries(Object.entries(document.routes).map(([route, entry]) => [route, [entry.count, entry.errors]])),
      {
        'GET /fast': [6, 0],
        'GET /wait/:ms': [6, 0],
        'GET /broken': [3, 3],
        'GET /moved': [1, 0],
        'GET /orders/:id': [2, 0],
        'POST /orders': [1, 0],
      },
    );
  });

  test(`${name}: a client that leaves is an abort, neither an error nor a latency`, async (t) => {
    const { url, measured } = await running(t, express);
    await Promise.all([leave(`${url}/wait/2000`, 60), leave(`${url}/wait/2000`, 80), ask(`${url}/fast`)]);
    let document;
    await until(async () => (document = await measured()).requests.aborted === 2, 'both aborts');
    assert.equal(document.requests.total, 1);
    assert.equal(document.latency.count, 1);
    assert.equal(document.requests.in_flight, 0);
    assert.deepEqual(Object.keys(document.routes), ['GET /fast']);
  });

  test(`${name}: an answer in parts lasts until its last part, an event stream has no latency`, async (t) => {
    const { url, measured } = await running(t, express);
    await ask(`${url}/stream`);
    await leave(`${url}/events`, 100);
    let document;
    await until(async () => (document = await measured()).requests.total === 2, 'both requests');
    assert.equal(document.latency.count, 1);
    assert.equal(slowerThan(document, 0.08), 1);
    assert.equal(document.requests.aborted, 0);
    assert.deepEqual(document.requests.by_class, { '2xx': 2, '3xx': 0, '4xx': 0, '5xx': 0 });
  });

  test(`${name}: paths that clients invent make one series`, async (t) => {
    const { url, measured } = await running(t, express);
    for (let i = 0; i < 60; i += 1) {
      await ask(`${url}/nothing/${i}?secret=${i}`, { method: i % 2 ? 'GET' : 'PROPFIND' });
    }
    const document = await measured();
    assert.deepEqual(Object.keys(document.routes).sort(), ['GET <unmatched>', 'OTHER <unmatched>']);
    assert.equal(document.requests.by_class['4xx'], 60);
    assert.ok(!JSON.stringify(document).includes('secret'));
  });

  test(`${name}: mounted twice it still counts once`, async (t) => {
    const { url, sidecar, monitoring, measured } = await running(t, express);
    const app = express();
    app.use(monitoring, monitoring, scalabilityMonitoringMiddleware({ sidecarUrl: sidecar.url }));
    app.get('/', (_req, res) => res.send('x'));
    const twice = await startApp(t, app);
    await ask(twice);
    await ask(`${url}/fast`);
    assert.equal((await measured()).requests.total, 2);
  });

  test(`${name}: requests still running are in flight`, async (t) => {
    const { url, pushed, measured } = await running(t, express);
    const waiting = [ask(`${url}/wait/400`), ask(`${url}/wait/400`)];
    await until(async () => (await pushed()).requests.in_flight === 2, 'two in flight');
    await Promise.all(waiting);
    assert.equal((await measured()).requests.in_flight, 0);
  });
}

const [[, express]] = VERSIONS;

test('distinct clients are told apart by user agent, on kept connections too', async (t) => {
  const { url, measured } = await running(t, express);
  for (let i = 0; i < 30; i += 1) {
    await ask(`${url}/fast`, { headers: { 'user-agent': `shopper/${i % 10}` } });
  }
  const { clients } = await measured();
  const registers = Buffer.from(clients.registers, 'base64');
  assert.equal(registers.length, 4096);
  assert.equal(registers.filter((rank) => rank > 0).length, 10);
  assert.equal(clients.salt_id, 'day-1');
});

test('counters only grow, and every snapshot has the next number', async (t) => {
  const { url, sidecar, measured } = await running(t, express);
  for (let i = 0; i < 3; i += 1) {
    await ask(`${url}/fast`);
    await measured();
  }
  const documents = sidecar.pushes.map((push) => push.document);
  const totals = documents.map((document) => document.requests.total);
  assert.deepEqual(totals, [...totals].sort((a, b) => a - b));
  assert.equal(totals.at(-1), 3);
  assert.deepEqual(documents.map((document) => document.seq), documents.map((_, i) => i + 1));
  assert.equal(new Set(documents.map((document) => document.start_time)).size, 1);
});

test('the event loop is seen to be late when something blocks it', async (t) => {
  const { measured } = await running(t, express);
  await pause(60);
  await measured();
  await pause(100);
  const idle = (await measured()).event_loop;
  await pause(30);
  for (const end = performance.now() + 200; performance.now() < end; );
  await pause(30);
  const blocked = (await measured()).event_loop;
  assert.ok(idle.utilization < 0.5, `idle: ${idle.utilization}`);
  assert.ok(blocked.delay_p99_ms > 120, `blocked: ${blocked.delay_p99_ms} ms`);
  assert.ok(blocked.utilization > 0.5 && blocked.utilization <= 1, `blocked: ${blocked.utilization}`);
});

test('the token is sent to the sidecar, and to nobody else', async (t) => {
  const { sidecar, measured } = await running(t, express, { token: 'open sesame' });
  await measured();
  assert.equal(sidecar.pushes.at(-1).headers.authorization, 'Bearer open sesame');
});

test('the application answers as ever while the sidecar is gone, slow or talks nonsense', async (t) => {
  const { url, sidecar, monitoring } = await running(t, express, { timeoutMs: 100 });
  const nonsense = [
    (_req, res) => res.end('{"salt":5}'),
    (_req, res) => res.end('<html>'),
    (_req, res) => void (res.statusCode = 500) || res.end(),
    (req) => req.socket.destroy(),
    (_req, res) => res.write('{"salt'), // and never ends
    () => undefined, // never answers
    (_req, res) => res.end(Buffer.alloc(5 * 1024 * 1024)),
  ];
  for (const answer of nonsense) {
    sidecar.answer = answer;
    const start = performance.now();
    assert.equal(await monitoring.flush(), false);
    assert.ok(performance.now() - start < 3000);
    assert.equal((await ask(`${url}/fast`)).status, 200);
  }
  sidecar.close();
  assert.equal(await monitoring.flush(), false);
  assert.equal((await ask(`${url}/fast`)).status, 200);
});

test('snapshots do not pile up behind a slow sidecar', async (t) => {
  const { sidecar, monitoring } = await running(t, express, { intervalMs: 100, timeoutMs: 5000 });
  let asked = 0;
  sidecar.answer = () => void (asked += 1);
  await pause(650);
  void monitoring.flush();
  assert.equal(asked, 1);
  sidecar.close();
});

test('a fault in any hook leaves the answer as it is', async (t) => {
  const { url } = await running(t, express);
  for (const hook of ['started', 'ended', 'ignored', 'snapshot']) {
    const broken = t.mock.method(Worker.prototype, hook, () => {
      throw new Error('on purpose');
    });
    assert.equal((await ask(`${url}/fast`)).status, 200);
    broken.mock.restore();
  }
});

test('a request of which nothing can be read is handed on, once', async (t) => {
  const { monitoring } = await running(t, express);
  const unreadable = new Proxy({}, {
    get() {
      throw new Error('on purpose');
    },
  });
  let handedOn = 0;
  monitoring(unreadable, unreadable, () => (handedOn += 1));
  assert.equal(handedOn, 1);
});

test('an error of the application is still the application\'s', async (t) => {
  const { monitoring } = await running(t, express);
  assert.throws(() => monitoring({ headers: {} }, { on() {} }, () => {
    throw new Error('from the next handler');
  }), /from the next handler/);
});

test('a client that sends half a request costs nothing', async (t) => {
  const { url, measured } = await running(t, express);
  const socket = net.connect(Number(new URL(url).port), '127.0.0.1');
  await once(socket, 'connect');
  socket.write('GET /fast HTTP/1.1\r\nHost: x\r\n');
  await pause(50);
  socket.destroy();
  await pause(50);
  assert.equal((await measured()).requests.total, 0);
});
