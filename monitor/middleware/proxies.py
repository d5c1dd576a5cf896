"""Whose word about a client's address counts: only that of proxies of our own.

Each proxy appends the address it saw to X-Forwarded-For, so the header is read from its right end. What is
further left was written by the client and proves nothing; the first entry is never simply taken.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class TrustedProxies:
    """Proxies that are trusted, by their number or by their addresses.

    Args:
        trusted: how many of them stand in front of the application, or their addresses and networks
            ("10.0.0.0/8", "::1"). With addresses, a peer on a Unix socket is trusted, too.

    Raises:
        ValueError: a negative number, or no address or network.
    """

    def __init__(self, trusted: int | Sequence[str] = 0) -> None:
        hops = trusted if isinstance(trusted, int) else 0
        if hops < 0:
            raise ValueError(f"{trusted} proxies cannot stand in front of an application")
        names = [] if isinstance(trusted, int) else [trusted] if isinstance(trusted, str) else trusted
        self._hops = hops
        self._networks = tuple(ipaddress.ip_network(name, strict=False) for name in names)

    def __bool__(self) -> bool:
        """Say whether any proxy is trusted; without one the header need not be read."""
        return bool(self._hops or self._networks)

    def client(self, peer: str, forwarded: str | None) -> str:
        """Return the client's address.

        Args:
            peer: the connection's address, "" for a Unix socket.
            forwarded: the X-Forwarded-For header, several joined by commas.
        """
        if not forwarded:
            return peer
        chain = [entry.strip() for entry in forwarded.split(",")]
        if self._hops:
            # Fewer entries than proxies: the request came another way.
            return (chain[-self._hops] if len(chain) >= self._hops else "") or peer
        known = peer
        while self._trusts(known) and chain:
            address = _without_port(chain.pop())
            if _parsed(address) is None:
                break
            known = address
        return known

    def _trusts(self, address: str) -> bool:
        if not self._networks:
            return False
        if address == "":
            return True
        parsed = _parsed(address)
        return parsed is not None and any(
            parsed.version == network.version and parsed in network for network in self._networks
        )


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return mapped or parsed


def _without_port(entry: str) -> str:
    """Some proxies write the client's port, too: "203.0.113.9:4711", "[2001:db8::1]:4711"."""
    if entry.startswith("["):
        return entry[1:].partition("]")[0]
    return entry.partition(":")[0] if entry.count(":") == 1 else entry
