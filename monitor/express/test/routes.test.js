'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');

const { MAX_SERIES, OVERFLOW, RouteCounts, methodName } = require('../lib/routes');
const { VERSIONS, ask, startApp } = require('./support');

const matched = (path, baseUrl = '') => ({ method: 'GET', baseUrl, route: { path } });

function names(...requests) {
  const routes = new RouteCounts();
  requests.forEach((req) => routes.record(req, 0.1, false));
  return Object.keys(routes.toJSON());
}

test('a route is its template, with the mount point in front', () => {
  const requests = [
    matched('/orders/:id'),
    matched('/:id', '/customers'),
    matched('/', '/carts'),
    matched('/'),
    matched(/^\/files/),
    matched(['/a', '/b']),
  ];
  assert.deepEqual(names(...requests), [
    'GET /orders/:id',
    'GET /customers/:id',
    'GET /carts',
    'GET /',
    'GET /^\\/files/',
    'GET /a | /b',
  ]);
});

test('where the mounts cannot be found, what looks like an identifier is one', () => {
  const uuid = '7d2c1fb0-52b3-4c3a-9a55-0d3c3f1f9c11';
  assert.deepEqual(names(matched('/orders', '/shops/1234'), matched('/x', `/t/${uuid}`)), ['GET /shops/:id/orders', 'GET /t/:id/x']);
});

test('where they cannot be found, one route makes few series whatever its base', () => {
  const route = { path: '/x' };
  const requests = Array.from({ length: 400 }, (_, i) => ({ method: 'GET', baseUrl: `/tenant-${'abcdefghij'[i % 10]}${i}`, route }));
  const found = names(...requests);
  assert.ok(found.length <= 31, `${found.length} series`);
  assert.ok(found.includes('GET /*/x'));
});

test('a request that no route answered is unmatched, whatever its path', () => {
  assert.deepEqual(names({ method: 'GET', url: '/wp-admin', baseUrl: '' }), ['GET <unmatched>']);
});

test('methods that HTTP does not have are counted together', () => {
  assert.equal(methodName('PATCH'), 'PATCH');
  assert.equal(methodName('BREW'), 'OTHER');
});

test('the number of series is bounded and no request is lost', () => {
  const routes = new RouteCounts();
  for (let i = 0; i < 2000; i += 1) {
    routes.record(matched(`/r${i}`), 0.5, i % 2 === 0);
  }
  const series = routes.toJSON();
  assert.equal(Object.keys(series).length, MAX_SERIES + 1);
  assert.equal(series[OVERFLOW].count, 2000 - MAX_SERIES);
  assert.equal(Object.values(series).reduce((sum, entry) => sum + entry.count, 0), 2000);
  assert.equal(Object.values(series).reduce((sum, entry) => sum + entry.errors, 0), 1000);
});

test('names that JavaScript gives a meaning are names like others', () => {
  const routes = new RouteCounts();
  routes.record({ method: '__proto__', baseUrl: '', route: { path: 'constructor' } }, 1, false);
  assert.deepEqual(Object.keys(JSON.parse(JSON.stringify(routes))), ['OTHER constructor']);
});

/** Count every request of an application at its end, as the middleware does. */
async function counted(t, app, paths) {
  const routes = new RouteCounts();
  routes.mounts.begin(app);
  const url = await startApp(t, (req, res) => {
    res.on('finish', () => routes.record(req, 0.1, res.statusCode >= 500));
    app(req, res);
  });
  for (const path of paths) {
    await ask(url + path);
  }
  return Object.fromEntries(Object.entries(routes.toJSON()).map(([name, { count }]) => [name, count]));
}

const answer = (_req, res) => res.send('x');

for (const [name, express] of VERSIONS) {
  test(`${name}: routers under parameters are told apart by what the application wrote`, async (t) => {
    const app = express();
    const [shops, orders, plain] = [express.Router(), express.Router({ mergeParams: true }), express.Router()];
    orders.get('/:order', answer);
    orders.get('/', answer);
    shops.use('/orders/:year', orders);
    shops.get('/', answer);
    plain.get('/list', answer);
    app.use('/shops/:shop', shops);
    app.use('/plain', plain);
    app.use('/also/plain', plain);
    const paths = ['/shops/acme', '/shops/bolts', '/shops/shops', '/shops/acme/orders/2024', '/shops/bolts/orders/orders/7'];
    assert.deepEqual(await counted(t, app, [...paths, '/shops/caf%C3%A9/orders/2025/9', '/plain/list', '/PLAIN/list', '/also/plain/list']), {
      'GET /shops/:shop': 3,
      'GET /shops/:shop/orders/:year': 1,
      'GET /shops/:shop/orders/:year/:order': 2,
      'GET /plain/list': 2,
      'GET /also/plain/list': 1,
    });
  });

  test(`${name}: mounted applications, in applications and in routers`, async (t) => {
    const [app, admin, deeper, inRouter] = [express(), express(), express(), express()];
    admin.get('/users/:user', answer);
    deeper.get('/log', answer);
    admin.use('/audit/:day', deeper);
    inRouter.get('/ping', answer);
    const router = express.Router();
    router.use('/inner/:x', inRouter);
    app.use('/tenants/:tenant/admin', admin);
    app.use('/outer', router);
    const paths = ['/tenants/acme/admin/users/ann', '/tenants/bolts/admin/users/bob', '/tenants/acme/admin/audit/monday/log', '/outer/inner/y/ping'];
    assert.deepEqual(await counted(t, app, paths), {
      'GET /tenants/:tenant/admin/users/:user': 2,
      'GET /tenants/:tenant/admin/audit/:day/log': 1,
      'GET /outer/inner/:x/ping': 1,
    });
  });

  test(`${name}: an error that leaves its router is counted where it happened`, async (t) => {
    const app = express();
    const router = express.Router();
    router.get('/:id', (_req, _res, next) => next(new Error('on purpose')));
    app.use('/shops/:shop/orders', router);
    app.use((_error, _req, res, _next) => res.status(500).json({}));
    assert.deepEqual(await counted(t, app, ['/shops/a/orders/1', '/shops/b/orders/2']), { 'GET /shops/:shop/orders/:id': 2 });
  });

  test(`${name}: mounts that are patterns make few series`, async (t) => {
    const app = express();
    const router = express.Router();
    router.get('/x', answer);
    app.use(/^\/tenant-[a-z0-9]+/, router);
    const found = await counted(t, app, Array.from({ length: 80 }, (_, i) => `/tenant-${i}/x`));
    assert.ok(Object.keys(found).length <= 31, Object.keys(found).join());
    assert.equal(Object.values(found).reduce((a, b) => a + b), 80);
  });

  test(`${name}: what is mounted while the application runs is found, what is rewritten is bounded`, async (t) => {
    const app = express();
    app.use((req, _res, next) => {
      req.url = req.url.replace(/^\/old/, '/new');
      next();
    });
    app.get('/mount', (_req, res) => {
      const late = express.Router();
      late.get('/:z', answer);
      app.use('/late/:y', late);
      res.send('x');
    });
    const fresh = express.Router();
    fresh.get('/:id', answer);
    app.use('/new', fresh);
    assert.deepEqual(await counted(t, app, ['/old/1', '/new/2', '/mount', '/late/b/3']), {
      'GET /new/:id': 2,
      'GET /mount': 1,
      'GET /late/b/:z': 1, // looked for again after a second
    });
  });
}
