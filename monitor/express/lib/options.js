'use strict';

// Options, checked. Monitoring must never keep an application from starting: what cannot be used is reported as a warning of
// the process and replaced by its default.

const { debuglog } = require('node:util');

const { WINDOW_SECONDS } = require('./clients');

/** NODE_DEBUG=outgrow shows what is otherwise swallowed. */
const debug = debuglog('outgrow');

const DEFAULT_SIDECAR = 'http://127.0.0.1:9464';

/** The kill switch: OUTGROW_MONITORING=off turns the package into nothing. */
function monitoringIsOff(env = process.env) {
  return env.OUTGROW_MONITORING?.toLowerCase() === 'off';
}

function warn(name, value, kind, fallback) {
  process.emitWarning(`@outgrow/express: ${name} is ${String(value)}, which is no ${kind}; using ${fallback}`);
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
  try {
    const url = new URL(value);
    if (url.protocol === 'http:' || url.protocol === 'https:') {
      return url.origin;
    }
  } catch {
    // reported below
  }
  warn('sidecarUrl', value, 'http or https URL', DEFAULT_SIDECAR);
  return DEFAULT_SIDECAR;
}

function readOptions(options = {}, env = process.env) {
  return Object.freeze({
    sidecarUrl: sidecarUrl(options.sidecarUrl ?? env.OUTGROW_SIDECAR_URL ?? DEFAULT_SIDECAR),
    token: options.token ?? env.OUTGROW_MONITOR_TOKEN ?? null,
    intervalMs: wholeNumber(options, 'intervalMs', { min: 100, max: 60_000, fallback: 5000 }),
    timeoutMs: wholeNumber(options, 'timeoutMs', { min: 10, max: 30_000, fallback: 1000 }),
    clientWindowSeconds: wholeNumber(options, 'clientWindowSeconds', { min: 5, max: 3600, fallback: WINDOW_SECONDS }),
    trustProxyHops: wholeNumber(options, 'trustProxyHops', { min: 0, max: 10, fallback: 0 }),
  });
}

module.exports = { DEFAULT_SIDECAR, debug, monitoringIsOff, readOptions };
