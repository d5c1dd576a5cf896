'use strict';

// Options, checked. Monitoring must never keep an application from starting: what cannot be used is reported as a warning of
// the process and replaced by its default.

const { debuglog } = require('node:util');

const { WINDOW_SECONDS } = require('./clients');
const { TrustedProxies } = require('./proxies');

/** NODE_DEBUG=outgrow shows what is otherwise swallowed. */
const debug = debuglog('outgrow');

const DEFAULT_SIDECAR = 'http://127.0.0.1:9464';
const UNIX = 'unix:';

/** The kill switch: OUTGROW_MONITORING=off turns the package into nothing. */
function monitoringIsOff(env = process.env) {
  return env.OUTGROW_MONITORING?.toLowerCase() === 'off';
}

function warn(name, value, kind, fallback) {
  process.emitWarning(`@outgrow/express: ${name} is ${String(value)}, which is no ${kind}; using ${fallback}`);
}

const warned = new Set();

function warnOnce(text) {
  if (!warned.has(text)) {
    warned.add(text);
    process.emitWarning(`@outgrow/express: ${text}`);
  }
}

function wholeNumber(options, name, { min, max, fallback }) {
  const value = options[name] ?? fallback;
  if (Number.isInteger(value) && value >= min && value <= max) {
    return value;
  }
  warn(name, value, `whole number from ${min} to ${max}`, fallback);
  return fallback;
}

function sidecarUrl(value) {
  if (typeof value === 'string' && value.startsWith(`${UNIX}/`)) {
    return value;
  }
  try {
    const url = new URL(value);
    if (url.protocol === 'http:' || url.protocol === 'https:') {
      return url.origin;
    }
  } catch {
    // reported below
  }
  warn('sidecarUrl', value, 'http or https URL and no unix:/path', DEFAULT_SIDECAR);
  return DEFAULT_SIDECAR;
}

function trustedProxies(options) {
  const value = options.trustedProxies ?? 0;
  const trusted = typeof value === 'string' ? value.split(',').map((network) => network.trim()) : value;
  try {
    if (typeof trusted !== 'number' && !Array.isArray(trusted)) {
      throw new TypeError('neither a number nor a list');
    }
    void new TrustedProxies(trusted);
    return trusted;
  } catch {
    warn('trustedProxies', value, 'number of proxies and no list of their addresses and networks', 0);
    return 0;
  }
}

function endpoints(options) {
  const value = options.endpoints ?? 'local';
  if (value === 'local' || typeof value === 'boolean') {
    return value;
  }
  warn('endpoints', value, 'true, false or "local"', '"local"');
  return 'local';
}

function readOptions(given, env = process.env) {
  const options = given ?? {};
  return Object.freeze({
    sidecarUrl: sidecarUrl(options.sidecarUrl ?? env.OUTGROW_SIDECAR_URL ?? DEFAULT_SIDECAR),
    token: options.token ?? env.OUTGROW_MONITOR_TOKEN ?? null,
    endpoints: endpoints(options),
    intervalMs: wholeNumber(options, 'intervalMs', { min: 100, max: 60_000, fallback: 5000 }),
    timeoutMs: wholeNumber(options, 'timeoutMs', { min: 10, max: 30_000, fallback: 1000 }),
    clientWindowSeconds: wholeNumber(options, 'clientWindowSeconds', { min: 5, max: 3600, fallback: WINDOW_SECONDS }),
    trustedProxies: trustedProxies(options),
  });
}

module.exports = { DEFAULT_SIDECAR, UNIX, debug, monitoringIsOff, readOptions, warnOnce };
