'use strict';

// One HTTP request to the sidecar: bounded in time and size, no redirects, no proxies of the environment, and no reason for the
// process to stay alive unless `holdProcess` asks for it.

const http = require('node:http');
const https = require('node:https');

const { UNIX } = require('./options');

const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

const agents = {
  'http:': new http.Agent({ keepAlive: true, maxSockets: 4, maxTotalSockets: 8 }),
  'https:': new https.Agent({ keepAlive: true, maxSockets: 4, maxTotalSockets: 8 }),
};

/**
 * @returns {Promise<{status: number, headers: object, body: Buffer}>} rejected when there is no complete answer within
 *   `timeoutMs`, counted from now.
 */
function askSidecar(sidecarUrl, path, { method = 'GET', headers = {}, body, token, timeoutMs, holdProcess = false }) {
  const unix = sidecarUrl.startsWith(UNIX);
  const url = new URL(path, unix ? 'http://localhost' : sidecarUrl);
  const client = url.protocol === 'https:' ? https : http;
  return new Promise((resolve, reject) => {
    const request = client.request(url, {
      method,
      ...(unix ? { socketPath: sidecarUrl.slice(UNIX.length) } : {}),
      agent: agents[url.protocol],
      headers: {
        ...headers,
        ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': body.length }),
        ...(token ? { authorization: `Bearer ${token}` } : {}),
      },
    });
    const deadline = setTimeout(() => request.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    const fail = (error) => {
      clearTimeout(deadline);
      request.destroy();
      reject(error);
    };
    if (!holdProcess) {
      deadline.unref();
      request.on('socket', (socket) => socket.unref());
    }
    request.on('error', fail);
    request.on('response', (response) => {
      const parts = [];
      let size = 0;
      response.on('data', (part) => {
        parts.push(part);
        size += part.length;
        if (size > MAX_ANSWER_BYTES) {
          fail(new Error('the answer is too large'));
        }
      });
      response.on('error', fail);
      response.on('aborted', () => fail(new Error('the answer was cut off')));
      response.on('end', () => {
        clearTimeout(deadline);
        resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(parts) });
      });
    });
    request.end(body);
  });
}

module.exports = { askSidecar };
