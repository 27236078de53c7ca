"""What peers announce as their address. Schedulers pass on whatever it is; not all of it can be connected to."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address

MAX_PORT = 65535
MAX_KEPT = 16_384
"""Addresses that were looked at: a peer is asked several times, and reading its address takes longer than that."""


@lru_cache(maxsize=MAX_KEPT)
def trouble_of_address(ip: str, port: int) -> str | None:
    """Say why what a peer announces is no address; None where it is one.

    A name is none: nobody knows whose resolver it was meant for. Nor is an address with a zone, which means something
    on the peer's own node only, nor one that stands for every address.
    """
    try:
        address = ip_address(ip)
    except ValueError:
        return f"{ip!r} is no IP address"
    if address.is_unspecified:
        return f"{ip} stands for every address"
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return f"{ip} has a zone, which only its own node knows"
    return None if 0 < port <= MAX_PORT else f"{port} is no port"


def join(ip: str, port: int) -> str:
    """Write an address and a port as people do."""
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
