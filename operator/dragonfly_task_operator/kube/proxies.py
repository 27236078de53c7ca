"""Which HTTP proxy leads to the API server: HTTPS_PROXY, HTTP_PROXY and NO_PROXY as kubectl, so Go, reads them."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}


def proxy_of(server: str, environment: Mapping[str, str]) -> str | None:
    """Give the proxy that the environment names for a URL; none for loopback and for what NO_PROXY lists.

    Args:
        server: a URL.
        environment: variables; each counts in capitals first, then in small letters.
    """
    url = urlsplit(server)
    host, port = (url.hostname or "").rstrip("."), url.port or _PORTS.get(url.scheme, 0)
    proxy = _variable(environment, f"{url.scheme}_proxy")
    if not proxy or _is_loopback(host) or _is_listed(host, port, _variable(environment, "no_proxy")):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _variable(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name.upper()) or environment.get(name, "")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def _is_listed(host: str, port: int, listed: str) -> bool:
    return any(_matches(entry.strip().lower(), host, port) for entry in listed.split(",") if entry.strip())


def _matches(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    address = _address(host)
    if "/" in entry:
        try:
            return address is not None and address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    name, for_port = _without_port(entry)
    if for_port not in {None, port}:
        return False
    if _address(name) is not None or address is not None:
        return address is not None and _address(name) == address
    name = name.removeprefix("*")
    return host.endswith(name) if name.startswith(".") else host == name or host.endswith(f".{name}")


def _without_port(entry: str) -> tuple[str, int | None]:
    if _address(entry) is not None:  # an IPv6 address has colons of its own
        return entry, None
    name, colon, port = entry.rpartition(":")
    if colon and port.isdigit():
        return name.strip("[]"), int(port)
    return entry.strip("[]"), None
