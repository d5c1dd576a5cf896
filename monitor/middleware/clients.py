"""Distinct clients without keeping any of them: a keyed hash into a HyperLogLog of 4,096 registers.

An address and user agent are hashed with a random key that the sidecar renews daily and that never touches a
disk; only the largest rank per register is kept, so nothing can be turned back into a client. Registers of
several workers merge by the larger rank. `vectors.json` pins the bytes for both languages.
"""

from __future__ import annotations

import hmac
import ipaddress
import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Bits of the hash that choose the register.
PRECISION: Final = 12
REGISTERS: Final = 1 << PRECISION
_REST_BITS: Final = 64 - PRECISION
_REST_MASK: Final = (1 << _REST_BITS) - 1
#: The largest rank: all remaining bits are zero.
MAX_RANK: Final = _REST_BITS + 1


def canonical_address(address: str) -> str:
    """Reduce an address to what counts as one client.

    IPv4 stays as it is; IPv4 inside IPv6 becomes IPv4; other IPv6 is cut to its /64, which is one customer's
    line, and written as four groups of four lower-case digits and "::/64". Anything else (a Unix socket's
    name) stays as it is.
    """
    if ":" not in address:
        return address
    try:
        parsed = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    network = f"{int(parsed) >> 64:016x}"
    return ":".join(network[i : i + 4] for i in range(0, 16, 4)) + "::/64"


def client_hash(salt: bytes, address: str, user_agent: str) -> int:
    """Return the 64-bit keyed hash of a client; the user agent is the header decoded as Latin-1."""
    message = f"{canonical_address(address)}|{user_agent}".encode()
    return int.from_bytes(hmac.digest(salt, message, "sha256")[:8], "big")


def register_and_rank(hashed: int) -> tuple[int, int]:
    """Split a hash: the top 12 bits are the register, the leading zeros of the other 52 plus one the rank."""
    return hashed >> _REST_BITS, MAX_RANK - (hashed & _REST_MASK).bit_length()


def merge_registers(parts: Iterable[bytes | bytearray]) -> bytearray:
    """Merge registers of several workers or intervals: the larger rank of each."""
    merged = bytearray(REGISTERS)
    for part in parts:
        merged = bytearray(map(max, merged, part))
    return merged


def estimate(registers: bytes | bytearray) -> float:
    """Estimate how many distinct clients the registers have seen; the standard error is 1.6 %.

    The estimator is Ertl's (2017): one formula from zero to billions, without the bias the original has
    between its ranges.
    """
    counts = [0] * MAX_RANK
    for rank in registers:
        # The largest rank means some 10^15 clients; counting it one lower keeps the sum finite.
        counts[min(rank, _REST_BITS)] += 1
    if counts[0] == REGISTERS:
        return 0.0
    z = 0.0
    for rank in range(_REST_BITS, 0, -1):
        z = (z + counts[rank]) / 2
    z += REGISTERS * _sigma(counts[0] / REGISTERS)
    return REGISTERS * REGISTERS / (2 * math.log(2) * z)


def _sigma(x: float) -> float:
    """Correct for registers that no client has reached yet."""
    total, weight = x, 1.0
    while True:
        x *= x
        grown = total + x * weight
        if grown == total:
            return total
        total = grown
        weight += weight
