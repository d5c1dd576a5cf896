'use strict';

// Whose word about a client's address counts: only that of proxies of our own. Each of them appends the address it saw to
// X-Forwarded-For, so the header is read from its right end; what stands further left was written by the client and proves
// nothing. The twin of ../../middleware/proxies.py; ../../middleware/vectors.json pins the results.

const { BlockList, isIP } = require('node:net');

const FAMILIES = { 4: 'ipv4', 6: 'ipv6' };

/** Some proxies write the client's port, too: "203.0.113.9:4711", "[2001:db8::1]:4711". */
function withoutPort(entry) {
  if (entry.startsWith('[')) {
    return entry.slice(1).split(']', 1)[0];
  }
  const colon = entry.indexOf(':');
  return colon !== -1 && colon === entry.lastIndexOf(':') ? entry.slice(0, colon) : entry;
}

class TrustedProxies {
  /**
   * @param {number | string[]} trusted how many proxies stand in front of the application, or their addresses and networks
   *   ("10.0.0.0/8", "::1"). With addresses a peer on a Unix socket is trusted, too.
   * @throws {TypeError} what is neither.
   */
  constructor(trusted = 0) {
    this.hops = 0;
    this.networks = null;
    if (typeof trusted === 'number') {
      if (!Number.isInteger(trusted) || trusted < 0) {
        throw new TypeError(`${trusted} proxies cannot stand in front of an application`);
      }
      this.hops = trusted;
    } else if (trusted.length > 0) {
      this.networks = new BlockList();
      trusted.forEach((network) => this.#add(network));
    }
    /** Without a trusted proxy the header need not be read. */
    this.any = this.hops > 0 || this.networks !== null;
  }

  #add(network) {
    const [address, bits, ...rest] = String(network).split('/');
    const family = isIP(address);
    const most = family === 4 ? 32 : 128;
    const prefix = bits === undefined ? most : Number(bits);
    if (family === 0 || rest.length > 0 || bits === '' || !Number.isInteger(prefix) || prefix < 0 || prefix > most) {
      throw new TypeError(`${network} is no address and no network`);
    }
    this.networks.addSubnet(address, prefix, FAMILIES[family]);
  }

  #trusts(address) {
    if (this.networks === null) {
      return false;
    }
    const family = isIP(address);
    return address === '' || (family !== 0 && this.networks.check(address, FAMILIES[family]));
  }

  /** The client's address: `peer` is the connection's, '' for a Unix socket. */
  client(peer, forwardedFor) {
    if (!this.any || !forwardedFor) {
      return peer;
    }
    const chain = forwardedFor.split(',').map((entry) => entry.trim());
    if (this.hops > 0) {
      // Fewer entries than proxies: the request came another way.
      return chain[chain.length - this.hops] || peer;
    }
    let known = peer;
    while (chain.length > 0 && this.#trusts(known)) {
      const address = withoutPort(chain.pop());
      if (isIP(address) === 0) {
        break;
      }
      known = address;
    }
    return known;
  }
}

module.exports = { TrustedProxies };
