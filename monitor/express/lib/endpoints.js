'use strict';

// The application's own address answers what the sidecar has assessed. There is one judge, the sidecar; without it the answer is
// "unknown", never a guess. The middleware serves them to this machine and to whoever brings the token; scalabilityEndpoints()
// serves them to everybody who reaches it, behind whatever the application puts in front.

const { createHash, timingSafeEqual } = require('node:crypto');

const { debug, monitoringIsOff, readOptions, warnOnce } = require('./options');
const { OWN } = require('./own');
const { askSidecar } = require('./sidecar');

const BASE = '/api/metrics/scalability';
const PATHS = new Set([BASE, `${BASE}/assessment`, `${BASE}/prometheus`]);
const PASSED_ON = ['content-type', 'cache-control', 'vary'];
const UNKNOWN = JSON.stringify({ status: 'unknown' });
const REFUSED = JSON.stringify({ error: 'a bearer token is needed' });
/** What proxies add: with one of them the request may come from anywhere, whoever connects. */
const BY_PROXY = ['x-forwarded-for', 'forwarded', 'x-real-ip', 'via'];

function answerJson(res, status, body, headers = {}) {
  res.statusCode = status;
  res.setHeader('content-type', 'application/json');
  res.setHeader('cache-control', 'no-store');
  for (const [name, value] of Object.entries(headers)) {
    res.setHeader(name, value);
  }
  res.end(body);
}

function answerUnknown(res) {
  answerJson(res, 503, UNKNOWN, { 'retry-after': '5' });
}

/** The path and query to ask the sidecar for; null where a request is for something else. */
function ownTarget(req) {
  const { method, url } = req;
  if (!url.startsWith(BASE) || (method !== 'GET' && method !== 'HEAD')) {
    return null;
  }
  const query = url.indexOf('?');
  const path = (query === -1 ? url : url.slice(0, query)).replace(/\/$/, '');
  return PATHS.has(path) ? path + (query === -1 ? '' : url.slice(query)) : null;
}

async function answerFromSidecar(req, res, target, { sidecarUrl, token, timeoutMs }) {
  const headers = { accept: req.headers.accept ?? '*/*' };
  const answer = await askSidecar(sidecarUrl, target, { headers, token, timeoutMs });
  if (answer.status < 200 || answer.status === 401 || answer.status === 403 || answer.status > 503) {
    throw new Error(`the sidecar answered ${answer.status}`);
  }
  if (answer.status >= 500 && !(answer.headers['content-type'] ?? '').startsWith('application/json')) {
    throw new Error(`the sidecar failed with ${answer.status}`);
  }
  res.statusCode = answer.status;
  for (const name of PASSED_ON) {
    if (answer.headers[name] !== undefined) {
      res.setHeader(name, answer.headers[name]);
    }
  }
  res.setHeader('content-length', answer.body.length);
  res.end(req.method === 'HEAD' ? undefined : answer.body);
}

function serve(req, res, target, settings) {
  req[OWN] = true;
  answerFromSidecar(req, res, target, settings)
    .catch((error) => {
      debug('the sidecar did not answer: %s', error);
      if (!res.headersSent) {
        answerUnknown(res);
      }
    })
    .catch((error) => debug('the endpoint could not answer: %s', error));
}

function isLoopback(address) {
  return address === '::1' || /^(::ffff:)?127\./.test(address ?? '');
}

function digest(text) {
  return createHash('sha256').update(text).digest();
}

function bringsToken(req, token) {
  const given = req.headers.authorization;
  return typeof given === 'string' && timingSafeEqual(digest(given), digest(`Bearer ${token}`));
}

/** Answer a request for the endpoints, as the middleware's option says; false where the application shall. */
function serveOwn(req, res, settings) {
  if (!req.url.startsWith(BASE)) {
    return false;
  }
  const target = ownTarget(req);
  if (target === null) {
    return false;
  }
  const { endpoints, token } = settings;
  const local = isLoopback(req.socket?.remoteAddress) && !BY_PROXY.some((name) => name in req.headers);
  if (endpoints === true || local || (token && bringsToken(req, token))) {
    serve(req, res, target, settings);
    return true;
  }
  if (token) {
    req[OWN] = true;
    answerJson(res, 401, REFUSED, { 'www-authenticate': 'Bearer' });
    return true;
  }
  warnOnce(
    `${BASE} was asked for from another machine, and is answered to this one only: give the middleware a token, ` +
      'or endpoints: true, or mount scalabilityEndpoints() behind your own authentication',
  );
  return false;
}

/** GET /api/metrics/scalability, /assessment and /prometheus; every other request goes on to the application. */
function scalabilityEndpoints(options) {
  const settings = readOptions(options);
  const off = monitoringIsOff();
  return function serveScalability(req, res, next) {
    const target = ownTarget(req);
    if (target === null) {
      next();
    } else if (off) {
      answerUnknown(res);
    } else {
      serve(req, res, target, settings);
    }
  };
}

module.exports = { scalabilityEndpoints, serveOwn };
