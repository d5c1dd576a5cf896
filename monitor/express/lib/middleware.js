'use strict';

// app.use(scalabilityMonitoringMiddleware()): counts and times every request, once, when it is over. Nothing here may throw into
// the application, wait, or change what it answers.

const { debug, monitoringIsOff, readOptions } = require('./options');
const { Pusher } = require('./pusher');
const { Worker } = require('./worker');

/** On a request that some middleware of ours already watches: mounted twice, it still counts once. */
const WATCHED = Symbol('watched by Outgrow');
/** On a request for the monitor's own figures, put there by the endpoints. */
const OWN = Symbol("Outgrow's own");

function watch(worker, req, res) {
  if (req[WATCHED]) {
    return;
  }
  req[WATCHED] = true;
  const start = performance.now();
  const peer = req.socket?.remoteAddress; // gone once the connection is closed
  let over = false;
  const end = () => {
    if (over) {
      return;
    }
    over = true;
    try {
      if (req[OWN]) {
        worker.ignored();
      } else {
        worker.ended(req, res, (performance.now() - start) / 1000, peer);
      }
    } catch (error) {
      debug('a request was not counted: %s', error);
    }
  };
  // `finish`: the answer is written. `close` alone: the client left before that.
  res.on('finish', end);
  res.on('close', end);
  worker.started();
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
  const middleware = (req, res, next) => {
    try {
      watch(pusher.worker, req, res);
    } catch (error) {
      debug('a request is not watched: %s', error);
    }
    next();
  };
  const close = () => {
    pushers.delete(settings.sidecarUrl);
    return pusher.close();
  };
  return Object.assign(middleware, { flush: () => pusher.flush(), close });
}

module.exports = { OWN, scalabilityMonitoringMiddleware };
