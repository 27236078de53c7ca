"""What peers announce as their address. Schedulers pass on whatever it is; not all of it can be connected to."""

from __future__ import annotations

import socket
from ipaddress import IPv6Address, ip_address

MAX_PORT = 65535


def trouble_of_address(ip: str, port: int) -> str | None:
    """Say why what a peer announces is no address; None where it is one.

    A name is none: nobody knows whose resolver it was meant for. Nor is an address with a zone, which means something
    on the peer's own node only, nor one that stands for every address.
    """
    # Of ten thousand peers that are listed for the first time, Python's own reading takes a twentieth of a second.
    if not _is_plain(ip):
        try:
            address = ip_address(ip)
        except ValueError:
            return f"{ip!r} is no IP address"
        if address.is_unspecified:
            return f"{ip} stands for every address"
        if isinstance(address, IPv6Address) and address.scope_id is not None:
            return f"{ip} has a zone, which only its own node knows"
    return None if 0 < port <= MAX_PORT else f"{port} is no port"


def _is_plain(ip: str) -> bool:
    """Tell whether the C library takes it for the address of one host. It knows of no zones."""
    try:
        return any(socket.inet_pton(socket.AF_INET6 if ":" in ip else socket.AF_INET, ip))
    except (OSError, ValueError):
        return False  # ValueError: not even text that it could read


def join(ip: str, port: int) -> str:
    """Write an address and a port as people do."""
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
