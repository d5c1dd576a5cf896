'use strict';

// app.use(scalabilityEndpoints()): the application's own address answers what the sidecar has assessed. There is one judge, the
// sidecar; without it the answer is "unknown", never a guess.

const { debug, monitoringIsOff, readOptions } = require('./options');
const { OWN } = require('./middleware');
const { askSidecar } = require('./sidecar');

const BASE = '/api/metrics/scalability';
const PATHS = new Set([BASE, `${BASE}/assessment`, `${BASE}/prometheus`]);
const PASSED_ON = ['content-type', 'cache-control', 'vary'];
const UNKNOWN = JSON.stringify({ status: 'unknown' });

function answerUnknown(res) {
  res.statusCode = 503;
  res.setHeader('content-type', 'application/json');
  res.setHeader('cache-control', 'no-store');
  res.setHeader('retry-after', '5');
  res.end(UNKNOWN);
}

async function answerFromSidecar(req, res, { sidecarUrl, token, timeoutMs }) {
  const query = req.url.includes('?') ? req.url.slice(req.url.indexOf('?')) : '';
  const headers = { accept: req.headers.accept ?? '*/*' };
  const answer = await askSidecar(sidecarUrl, req.path + query, { headers, token, timeoutMs });
  if (answer.status === 401 || answer.status === 403 || answer.status >= 500) {
    throw new Error(`the sidecar answered ${answer.status}`);
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

/** GET /api/metrics/scalability, /assessment and /prometheus; every other request goes on to the application. */
function scalabilityEndpoints(options) {
  const settings = readOptions(options);
  const off = monitoringIsOff();
  return function serveScalability(req, res, next) {
    if (!PATHS.has(req.path) || (req.method !== 'GET' && req.method !== 'HEAD')) {
      next();
      return;
    }
    req[OWN] = true;
    if (off) {
      answerUnknown(res);
      return;
    }
    answerFromSidecar(req, res, settings).catch((error) => {
      debug('the sidecar did not answer: %s', error);
      if (!res.headersSent) {
        answerUnknown(res);
      }
    });
  };
}

module.exports = { scalabilityEndpoints };
