'use strict';

// Which route a request belongs to: the application's own template, never a path that a client made up.

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
const UNMATCHED = '<unmatched>';
const OVERFLOW = '<overflow>';
/** Routes times methods that are told apart; the rest are counted together, so that memory stays bounded. */
const MAX_SERIES = 500;
const MAX_TEMPLATE = 200;

// A router mounted under a parameter has the parameter's value in req.baseUrl.
const MAY_HOLD_AN_ID = /\d|[0-9a-f]{16}/i;
const LOOKS_LIKE_AN_ID = /^(\d+|[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{16,})$/i;

function mountPoint(baseUrl) {
  if (!MAY_HOLD_AN_ID.test(baseUrl)) {
    return baseUrl;
  }
  return baseUrl
    .split('/')
    .map((segment) => (LOOKS_LIKE_AN_ID.test(segment) ? ':id' : segment))
    .join('/');
}

/** The template of the route that answered. To be called at the end of the request: before, no route is chosen. */
function routeTemplate(req) {
  const path = req.route?.path;
  if (path === undefined) {
    return UNMATCHED;
  }
  const own = Array.isArray(path) ? path.map(String).join(' | ') : String(path);
  const base = req.baseUrl ? mountPoint(req.baseUrl) : '';
  const template = own === '/' && base !== '' ? base : base + own;
  return template.slice(0, MAX_TEMPLATE);
}

function methodName(req) {
  return METHODS.has(req.method) ? req.method : 'OTHER';
}

/** Counts by method and route since the worker started. */
class RouteCounts {
  constructor() {
    this.series = new Map();
  }

  record(req, seconds, failed) {
    const entry = this.#entry(`${methodName(req)} ${routeTemplate(req)}`);
    entry.count += 1;
    entry.sum_seconds += seconds;
    if (failed) {
      entry.errors += 1;
    }
  }

  #entry(name) {
    let entry = this.series.get(name);
    if (entry === undefined) {
      if (this.series.size >= MAX_SERIES && name !== OVERFLOW) {
        return this.#entry(OVERFLOW);
      }
      entry = { count: 0, errors: 0, sum_seconds: 0 };
      this.series.set(name, entry);
    }
    return entry;
  }

  toJSON() {
    return Object.fromEntries(this.series);
  }
}

module.exports = { MAX_SERIES, OVERFLOW, RouteCounts, UNMATCHED, methodName, routeTemplate };
