'use strict';

const assert = require('node:assert/strict');
const test = require('node:test');

const { MAX_SERIES, OVERFLOW, RouteCounts, methodName, routeTemplate } = require('../lib/routes');

const matched = (path, baseUrl = '') => ({ method: 'GET', baseUrl, route: { path } });

test('a route is its template, with the mount point in front', () => {
  assert.equal(routeTemplate(matched('/orders/:id')), '/orders/:id');
  assert.equal(routeTemplate(matched('/:id', '/orders')), '/orders/:id');
  assert.equal(routeTemplate(matched('/', '/orders')), '/orders');
  assert.equal(routeTemplate(matched('/')), '/');
  assert.equal(routeTemplate(matched(/^\/files/)), '/^\\/files/');
  assert.equal(routeTemplate(matched(['/a', '/b'])), '/a | /b');
});

test('a mount point with a parameter does not carry its value', () => {
  assert.equal(routeTemplate(matched('/orders', '/shops/1234')), '/shops/:id/orders');
  assert.equal(routeTemplate(matched('/x', '/t/7d2c1fb0-52b3-4c3a-9a55-0d3c3f1f9c11')), '/t/:id/x');
});

test('a request that no route answered is unmatched, whatever its path', () => {
  assert.equal(routeTemplate({ method: 'GET', url: '/wp-admin', baseUrl: '' }), '<unmatched>');
});

test('methods that HTTP does not have are counted together', () => {
  assert.equal(methodName({ method: 'PATCH' }), 'PATCH');
  assert.equal(methodName({ method: 'BREW' }), 'OTHER');
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
