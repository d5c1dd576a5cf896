'use strict';

// Which route a request belongs to: the application's own template, never a path that a client made up.

const { MAX_FORMS, Mounts } = require('./mounts');

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
const UNMATCHED = '<unmatched>';
const OVERFLOW = '<overflow>';
/** Routes times methods that are told apart; the rest are counted together, so that memory stays bounded. */
const MAX_SERIES = 500;
const MAX_TEMPLATE = 200;
/** Mount points of one route whose series is found without looking for the route again. */
const MAX_BASES = 64;

const MAY_HOLD_AN_ID = /\d|[0-9a-f]{16}/i;
const LOOKS_LIKE_AN_ID = /^(\d+|[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{16,})$/i;

/** What can be said of a base whose mounts are not known: what looks like an identifier is one. */
function mountPoint(baseUrl) {
  if (!MAY_HOLD_AN_ID.test(baseUrl)) {
    return baseUrl;
  }
  return baseUrl
    .split('/')
    .map((segment) => (LOOKS_LIKE_AN_ID.test(segment) ? ':id' : segment))
    .join('/');
}

function joined(base, path) {
  const own = Array.isArray(path) ? path.map(String).join(' | ') : String(path);
  const template = own === '/' && base !== '' ? base : base + own;
  return template.slice(0, MAX_TEMPLATE);
}

function methodName(method) {
  return METHODS.has(method) ? method : 'OTHER';
}

/** One route's series by mount point and method. */
class KnownRoute {
  constructor() {
    this.bases = new Map();
    this.guessed = new Set();
    // The last one found, which the next request most likely asks for again.
    this.base = null;
    this.method = null;
    this.entry = null;
  }
}

/** Counts by method and route since the worker started. */
class RouteCounts {
  constructor() {
    this.series = new Map();
    this.mounts = new Mounts();
    this.known = new WeakMap();
    this.unmatched = new Map(); // by method; Node's parser knows some forty
  }

  record(req, seconds, failed) {
    const entry = this.#entryOf(req);
    entry.count += 1;
    entry.sum_seconds += seconds;
    if (failed) {
      entry.errors += 1;
    }
  }

  #entryOf(req) {
    const { method, route } = req;
    if (route?.path === undefined) {
      return this.unmatched.get(method) ?? this.#unmatched(method);
    }
    let known = this.known.get(route);
    if (known === undefined) {
      known = new KnownRoute();
      this.known.set(route, known);
    }
    const base = req.baseUrl ?? '';
    if (known.entry !== null && known.base === base && known.method === method) {
      return known.entry;
    }
    return known.bases.get(base)?.get(method) ?? this.#find(req, known, base);
  }

  #find(req, known, base) {
    const found = this.mounts.find(req.app, req.route, req.originalUrl);
    const template = joined(found?.template ?? this.#guess(known, base), req.route.path);
    const entry = this.#entry(`${methodName(req.method)} ${template}`);
    // An error that has left a router takes its base with it: that base says nothing about the next request.
    if ((found === null || found.base === base) && known.bases.size < MAX_BASES) {
      known.base = base;
      known.method = req.method;
      known.entry = entry;
      if (!known.bases.has(base)) {
        known.bases.set(base, new Map());
      }
      known.bases.get(base).set(req.method, entry);
    }
    return entry;
  }

  #guess(known, base) {
    const guess = mountPoint(base);
    if (known.guessed.size < MAX_FORMS) {
      known.guessed.add(guess);
    }
    return known.guessed.has(guess) ? guess : '/*';
  }

  #unmatched(method) {
    const entry = this.#entry(`${methodName(method)} ${UNMATCHED}`);
    if (this.unmatched.size < MAX_BASES) {
      this.unmatched.set(method, entry);
    }
    return entry;
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

module.exports = { MAX_SERIES, OVERFLOW, RouteCounts, UNMATCHED, methodName };
