'use strict';

// Open sockets and WebSockets of the servers that requests have come from.

/** A server's own count comes at once; nobody waits for one that does not. */
const PATIENCE_MS = 50;

function openSockets(server) {
  return new Promise((resolve) => {
    setTimeout(() => resolve(null), PATIENCE_MS).unref();
    server.getConnections((error, count) => resolve(error ? null : count));
  });
}

class Connections {
  constructor() {
    this.last = null; // most requests come from the same server
    this.servers = new Map();
    this.websockets = 0;
  }

  /** Remember a request's server, and count the WebSockets it opens from now on. */
  see(server) {
    this.last = server;
    if (typeof server?.getConnections === 'function' && !this.servers.has(server)) {
      this.servers.set(server, null);
      this.#listen(server);
    }
  }

  /**
   * Without any listener Node answers an upgrade as an ordinary request, so ours comes only beside one of the application's,
   * and goes with it.
   */
  #listen(server) {
    const others = server.listenerCount('upgrade');
    const own = this.servers.get(server);
    if (own === null && others > 0) {
      const listener = (_req, socket) => {
        this.websockets += 1;
        socket.once('close', () => {
          this.websockets -= 1;
        });
      };
      server.prependListener('upgrade', listener);
      this.servers.set(server, listener);
    } else if (own !== null && others === 1) {
      server.removeListener('upgrade', own);
      this.servers.set(server, null);
    }
  }

  /** @returns {Promise<number | null>} open sockets of all servers; null while no server is known. */
  async countOpen() {
    let sum = null;
    for (const server of [...this.servers.keys()]) {
      if (server.listening) {
        this.#listen(server);
        const count = await openSockets(server);
        sum = count === null ? sum : (sum ?? 0) + count;
      } else {
        this.servers.delete(server);
        this.last = null;
      }
    }
    return sum;
  }
}

module.exports = { Connections };
