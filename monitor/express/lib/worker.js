'use strict';

// Everything one process has counted since it started. Counters only grow, so a lost snapshot costs nothing and the sidecar
// adds workers up.

const { hostname } = require('node:os');
const { threadId } = require('node:worker_threads');
const cluster = require('node:cluster');

const { LatencyBuckets } = require('./buckets');
const { ClientWindow, clientAddress } = require('./clients');
const { processQueries } = require('./queries');
const { RouteCounts } = require('./routes');

const FORMAT_VERSION = 1;
const EVENT_STREAM = 'text/event-stream';

function isEventStream(res) {
  const type = res.getHeader('content-type');
  return typeof type === 'string' && type.startsWith(EVENT_STREAM);
}

class Worker {
  constructor({ trustProxyHops = 0, clientWindowSeconds, queries = processQueries } = {}) {
    this.trustProxyHops = trustProxyHops;
    this.startTime = Date.now() / 1000;
    this.seq = 0;
    this.total = 0;
    this.byClass = { '2xx': 0, '3xx': 0, '4xx': 0, '5xx': 0 };
    this.aborted = 0;
    this.inFlight = 0;
    this.latency = new LatencyBuckets();
    this.routes = new RouteCounts();
    this.clients = new ClientWindow(clientWindowSeconds);
    this.queries = queries;
  }

  started() {
    this.inFlight += 1;
  }

  /** The request is over but not to be counted: it asked for the monitor's own figures. */
  ignored() {
    this.inFlight -= 1;
  }

  /** @param {string | undefined} peer the connection's address, read while it was open. */
  ended(req, res, seconds, peer) {
    this.inFlight -= 1;
    const address = clientAddress(peer ?? '', req.headers['x-forwarded-for'], this.trustProxyHops);
    this.clients.record(address, req.headers['user-agent'] ?? '');
    const stream = isEventStream(res);
    if (!res.writableFinished && !stream) {
      this.aborted += 1;
      return;
    }
    this.total += 1;
    const group = `${Math.floor(res.statusCode / 100)}xx`;
    if (group in this.byClass) {
      this.byClass[group] += 1;
    }
    if (!stream) {
      // An event stream lasts as long as its reader likes; that is no latency.
      this.latency.record(seconds);
    }
    this.routes.record(req, stream ? 0 : seconds, res.statusCode >= 500);
  }

  /** @param {object | null} eventLoop what the probe measured since the last snapshot. */
  snapshot(eventLoop) {
    this.seq += 1;
    return {
      version: FORMAT_VERSION,
      instance: `${hostname()}:${process.pid}`,
      worker: cluster.isWorker ? `${cluster.worker.id}` : `${threadId}`,
      start_time: this.startTime,
      seq: this.seq,
      requests: { total: this.total, by_class: { ...this.byClass }, aborted: this.aborted, in_flight: this.inFlight },
      latency: this.latency,
      routes: this.routes,
      clients: this.clients,
      queries: this.queries,
      event_loop: eventLoop,
    };
  }
}

module.exports = { Worker };
