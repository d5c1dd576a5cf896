'use strict';

// Sends a worker's snapshots to the sidecar, fire and forget: a slow sidecar costs the next snapshot, never the application.

const { EventLoopProbe } = require('./event-loop');
const { debug } = require('./options');
const { askSidecar } = require('./sidecar');

const PUSH_PATH = '/api/metrics/scalability/push';
/** How long the end of the process may wait for the last snapshot. */
const LAST_TIMEOUT_MS = 250;

/** Those whose last snapshot the process's end is worth. */
const open = new Set();

function sendLast() {
  for (const pusher of open) {
    void pusher.sendRest();
  }
}

class Pusher {
  constructor(worker, { sidecarUrl, token, intervalMs, timeoutMs }) {
    this.worker = worker;
    this.sidecarUrl = sidecarUrl;
    this.token = token;
    this.timeoutMs = timeoutMs;
    this.sending = null;
    this.eventLoop = new EventLoopProbe();
    this.timer = setInterval(() => void this.push(), intervalMs);
    this.timer.unref();
    this.first = setImmediate(() => void this.push()); // the key for counting clients comes with the first answer
    this.first.unref();
    this.countedAtLast = worker.counted;
    if (open.size === 0) {
      process.on('beforeExit', sendLast);
    }
    open.add(this);
  }

  /** Send a snapshot, unless the last one is still on its way. Resolves to whether the sidecar took it; never rejects. */
  push({ holdProcess = false, timeoutMs = this.timeoutMs } = {}) {
    this.sending ??= this.#send(holdProcess, timeoutMs).finally(() => {
      this.sending = null;
    });
    return this.sending;
  }

  /** Send everything counted until now, after the snapshot that may be on its way. Never rejects. */
  async flush(options) {
    await this.sending;
    return this.push(options);
  }

  async #send(holdProcess, timeoutMs) {
    try {
      const openSockets = await this.worker.connections.countOpen();
      this.countedAtLast = this.worker.counted;
      const body = Buffer.from(JSON.stringify(this.worker.snapshot(this.eventLoop.take(), openSockets)));
      const { token } = this;
      const request = { method: 'POST', body, token, timeoutMs, holdProcess };
      const answer = await askSidecar(this.sidecarUrl, PUSH_PATH, request);
      if (answer.status !== 200) {
        throw new Error(`the sidecar answered ${answer.status}`);
      }
      const { salt, salt_id: saltId } = JSON.parse(answer.body.toString('utf8'));
      this.worker.clients.useKey(Buffer.from(salt, 'base64'), saltId);
      return true;
    } catch (error) {
      debug('snapshot not delivered: %s', error);
      return false;
    }
  }

  /** The process has nothing left to do: send what no snapshot has carried yet, and let it go soon. */
  async sendRest() {
    if (this.worker.counted !== this.countedAtLast) {
      this.countedAtLast = this.worker.counted;
      await this.flush({ holdProcess: true, timeoutMs: Math.min(this.timeoutMs, LAST_TIMEOUT_MS) });
    }
  }

  /** Send the last snapshot and stop. Never rejects. */
  async close() {
    open.delete(this);
    if (open.size === 0) {
      process.off('beforeExit', sendLast);
    }
    clearInterval(this.timer);
    clearImmediate(this.first);
    await this.flush({ holdProcess: true });
    this.eventLoop.stop();
  }
}

module.exports = { PUSH_PATH, Pusher };
