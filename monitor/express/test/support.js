'use strict';

// A sidecar and an application of our own, on real sockets.

const http = require('node:http');
const { once } = require('node:events');

const SALT = Buffer.from(Array.from({ length: 32 }, (_, i) => i)).toString('base64');

const VERSIONS = [
  ['Express 5', require('express')],
  ['Express 4', require('express4')],
];

async function listen(server) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${server.address().port}`;
}

/** Answers pushes as the real one does and remembers them; `answer` may be replaced. */
async function startSidecar(t) {
  const sidecar = {
    pushes: [],
    answer(_req, res) {
      res.setHeader('content-type', 'application/json');
      res.end(JSON.stringify({ salt: SALT, salt_id: 'day-1' }));
    },
  };
  const server = http.createServer((req, res) => {
    const parts = [];
    req.on('data', (part) => parts.push(part));
    req.on('end', () => {
      if (req.url === '/api/metrics/scalability/push') {
        sidecar.pushes.push({ headers: req.headers, document: JSON.parse(Buffer.concat(parts).toString()) });
      }
      sidecar.answer(req, res);
    });
  });
  sidecar.url = await listen(server);
  sidecar.close = () => {
    server.closeAllConnections?.();
    server.close();
  };
  t.after(sidecar.close);
  return sidecar;
}

async function startApp(t, app) {
  const server = http.createServer(app);
  const url = await listen(server);
  t.after(() => {
    server.closeAllConnections?.();
    server.close();
  });
  return url;
}

/** One request on a connection of its own; resolves with the whole answer. */
function ask(url, { method = 'GET', headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method, headers, agent: false }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('end', () =>
        resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(parts).toString() }),
      );
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** A request whose client leaves after `afterMs`. */
function leave(url, afterMs) {
  return new Promise((resolve) => {
    const request = http.get(url, { agent: false });
    request.on('error', () => undefined);
    request.on('close', resolve);
    setTimeout(() => request.destroy(), afterMs);
  });
}

async function until(condition, what) {
  for (const deadline = Date.now() + 5000; Date.now() < deadline; ) {
    if (await condition()) {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`not within five seconds: ${what}`);
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

module.exports = { SALT, VERSIONS, ask, leave, pause, startApp, startSidecar, until };
