'use strict';

// Everything one process has counted since it started. Counters only grow, so a lost snapshot costs nothing and the sidecar
// adds workers up.

const { hostname } = require('node:os');
const { threadId } = require('node:worker_threads');
const cluster = require('node:cluster');

const { LatencyBuckets } = require('./buckets');
const { ClientWindow } = require('./clients');
const { Connections } = require('./connections');
const { TrustedProxies } = require('./proxies');
const { processQueries } = require('./queries');
const { RouteCounts } = require('./routes');

const FORMAT_VERSION = 1;
const EVENT_STREAM = 'text/event-stream';
const EVENT_STREAM_LINE = /^content-type: *text\/event-stream/im;

/** Headers given to writeHead() are only in the text that was sent. */
function isEventStream(res) {
  const type = res.getHeader('content-type');
  if (type === undefined) {
    return typeof res._header === 'string' && EVENT_STREAM_LINE.test(res._header);
  }
  return typeof type === 'string' && type.startsWith(EVENT_STREAM);
}

class Worker {
  constructor({ trustedProxies = 0, clientWindowSeconds, queries = processQueries } = {}) {
    this.proxies = new TrustedProxies(trustedProxies);
    this.startTime = Date.now() / 1000;
    this.seq = 0;
    this.total = 0;
    this.byClass = new Float64Array(6); // doubles count past 2^32
    this.aborted = 0;
    this.running = new Set(); // responses
    this.app = undefined; // the last one that requests came to
    this.latency = new LatencyBuckets();
    this.routes = new RouteCounts();
    this.clients = new ClientWindow(clientWindowSeconds);
    this.connections = new Connections();
    this.queries = queries;
  }

  started(req, res) {
    this.running.add(res);
    if (req.app !== this.app) {
      this.app = req.app;
      this.routes.mounts.begin(req.app);
    }
    const server = req.socket?.server;
    if (server !== undefined && server !== this.connections.last) {
      this.connections.see(server);
    }
  }

  /** The request is over but not to be counted: it asked for the monitor's own figures. */
  ignored(res) {
    this.running.delete(res);
  }

  /**
   * @param {boolean} answered to the end; otherwise the client left before.
   * @param {number} start and
   * @param {number} now in milliseconds of performance.now().
   * @param {import('./clients').Connection} connection of the client.
   */
  ended(req, res, answered, start, now, connection) {
    this.running.delete(res);
    const { headers } = req;
    const forwardedFor = this.proxies.any ? headers['x-forwarded-for'] : undefined;
    this.clients.recordOn(connection, headers['user-agent'], forwardedFor, this.proxies, now);
    const stream = isEventStream(res);
    if (!answered && !stream) {
      this.aborted += 1;
      return;
    }
    this.total += 1;
    const status = res.statusCode;
    this.byClass[Math.min(Math.max(Math.floor(status / 100), 2), 5)] += 1;
    const seconds = stream ? 0 : (now - start) / 1000;
    if (!stream) {
      // An event stream lasts as long as its reader likes; that is no latency.
      this.latency.record(seconds);
    }
    this.routes.record(req, seconds, status >= 500);
  }

  /** How much has been counted: two equal numbers mean that nothing has happened in between. */
  get counted() {
    return this.total + this.aborted + this.queries.count;
  }

  #eventStreams() {
    let count = 0;
    for (const res of this.running) {
      if (res.headersSent && isEventStream(res)) {
        count += 1;
      }
    }
    return count;
  }

  /**
   * @param {object | null} eventLoop what the probe measured since the last snapshot.
   * @param {number | null} openSockets
   */
  snapshot(eventLoop, openSockets = null) {
    this.seq += 1;
    const streams = this.#eventStreams();
    const [, , success, redirect, clientError, serverError] = this.byClass;
    return {
      version: FORMAT_VERSION,
      instance: `${hostname()}:${process.pid}`,
      worker: cluster.isWorker ? `${cluster.worker.id}` : `${threadId}`,
      start_time: this.startTime,
      seq: this.seq,
      requests: {
        total: this.total,
        by_class: { '2xx': success, '3xx': redirect, '4xx': clientError, '5xx': serverError },
        aborted: this.aborted,
        in_flight: this.running.size - streams,
      },
      latency: this.latency,
      routes: this.routes,
      clients: this.clients,
      queries: this.queries,
      slow_statements: this.queries.statements,
      connections: { open: openSockets, websockets: this.connections.websockets, event_streams: streams },
      event_loop: eventLoop,
    };
  }
}

module.exports = { Worker };
