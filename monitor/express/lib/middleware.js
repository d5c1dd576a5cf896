'use strict';

// app.use(scalabilityMonitoringMiddleware()): counts and times every request, once, when it is over, and serves the three
// endpoints. Nothing here may throw into the application, wait, or change what it answers.

const { Connection } = require('./clients');
const { serveOwn } = require('./endpoints');
const { debug, monitoringIsOff, readOptions } = require('./options');
const { OWN } = require('./own');
const { Pusher } = require('./pusher');
const { Worker } = require('./worker');

/** On a request and its response that are watched: mounted twice, a request still counts once. */
const WATCHED = Symbol('watched by Outgrow');
/** On a socket: whose it is. */
const CONNECTION = Symbol("Outgrow's connection");

const now = performance.now.bind(performance);

class Watched {
  constructor(worker, req, connection) {
    this.worker = worker;
    this.req = req;
    this.connection = connection;
    this.start = now();
    this.over = false;
  }
}

function settle(res, answered) {
  const watched = res[WATCHED];
  if (watched === undefined || watched.over) {
    return;
  }
  watched.over = true;
  const { worker, req } = watched;
  try {
    if (req[OWN]) {
      worker.ignored(res);
    } else {
      worker.ended(req, res, answered, watched.start, now(), watched.connection);
    }
  } catch (error) {
    debug('a request was not counted: %s', error);
  }
}

// Functions for all requests, so that none costs a closure. `finish`: the answer is written; `close` alone: the client left.
function onFinish() {
  settle(this, true);
}

function onClose() {
  settle(this, this.writableFinished === true);
}

function watch(worker, req, res) {
  if (res[WATCHED] !== undefined) {
    return;
  }
  const { socket } = req;
  let connection = socket?.[CONNECTION];
  if (connection === undefined) {
    connection = new Connection(socket?.remoteAddress ?? ''); // not to be had once the connection is closed
    if (socket) {
      socket[CONNECTION] = connection;
    }
  }
  res[WATCHED] = new Watched(worker, req, connection);
  res.on('finish', onFinish);
  res.on('close', onClose);
  worker.started(req, res);
}

/** One worker and one pusher a sidecar, however often the middleware is made. */
const pushers = new Map();

function pusherFor(options) {
  let pusher = pushers.get(options.sidecarUrl);
  if (pusher === undefined) {
    pusher = new Pusher(new Worker(options), options);
    pushers.set(options.sidecarUrl, pusher);
  }
  return pusher;
}

function passThrough() {
  const middleware = (_req, _res, next) => next();
  return Object.assign(middleware, { flush: async () => false, close: async () => undefined });
}

/**
 * @returns the middleware, with `flush()` (send a snapshot now) and `close()` (send the last one and stop).
 */
function scalabilityMonitoringMiddleware(options) {
  if (monitoringIsOff()) {
    return passThrough();
  }
  let pusher;
  let settings;
  try {
    settings = readOptions(options);
    pusher = pusherFor(settings);
  } catch (error) {
    debug('monitoring did not start: %s', error);
    return passThrough();
  }
  const { worker } = pusher;
  const middleware = (req, res, next) => {
    let answered = false;
    try {
      answered = settings.endpoints !== false && serveOwn(req, res, settings);
      if (!answered) {
        watch(worker, req, res);
      }
    } catch (error) {
      debug('a request is not watched: %s', error);
    }
    if (!answered) {
      next();
    }
  };
  const close = () => {
    pushers.delete(settings.sidecarUrl);
    return pusher.close();
  };
  return Object.assign(middleware, { flush: () => pusher.flush(), close });
}

module.exports = { scalabilityMonitoringMiddleware };
