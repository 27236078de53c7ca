"""Which registries may be contacted: by name, and by the address that a name turns out to have.

Whoever may write a TaskSearch chooses what the operator connects to, from inside the cluster's network. The address is
checked where it is connected to: what the resolver gives here is what the connector uses, so a name can't stand for a
public address when it is checked and for the cloud's metadata service a moment later.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from dragonfly_task_operator.errors import RegistryDenied
from dragonfly_task_operator.oci.locations import canonical_host
from dragonfly_task_operator.settings import RegistryEntry

_METADATA = frozenset(
    ip_address(address)
    for address in (
        "169.254.169.254",  # most clouds
        "169.254.170.2",  # AWS, credentials of containers
        "100.100.100.200",  # Alibaba Cloud
        "168.63.129.16",  # Azure
        "192.0.0.192",  # Oracle Cloud
        "fd00:ec2::254",  # AWS
        "fd20:ce::254",  # Google Cloud
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Gate:
    """The operator's policy. Empty allowlist: any https registry that is on a public or private address."""

    allowlist: tuple[RegistryEntry, ...] = ()

    def check(self, url: URL) -> None:
        """Refuse a URL whose scheme, host or port, or whose address where it names one, is not allowed.

        Raises:
            RegistryDenied: with the setting that would allow it.
        """
        host, port = canonical_host(url), url.port
        if url.scheme not in {"http", "https"} or not host or port is None or url.raw_user or url.raw_password:
            raise RegistryDenied(f"{origin(url)} is not contacted: only http and https without user info are")
        address = _literal(host)
        if address is not None:
            self.check_address(host, port, address)  # first: no entry of the allowlist helps against some
        entries = [entry for entry in self.allowlist if _names(entry, host, port)]
        if self.allowlist and not entries:
            raise RegistryDenied(
                f"the operator may not contact {origin(url)}: it is not in its allowlist; start it with"
                f" --registry-allowlist {url.host_port_subcomponent} to allow it"
            )
        if url.scheme == "http" and not any(entry.plain_http for entry in entries):
            raise RegistryDenied(
                f"the operator may not contact {origin(url)} in plain http; use https, or start the operator with"
                f" --registry-allowlist http://{host}:{port} to allow it"
            )

    def scheme_of(self, registry: str) -> str:
        """Give the scheme of a registry that is named by HOST[:PORT] alone: http where the allowlist names it so.

        No name of an image says which it is. Docker tries both; here it is what the operator's settings say.
        """
        try:
            url = URL(f"http://{registry}")
            host, port = canonical_host(url), url.port
        except ValueError:
            return "https"  # refused where it is connected to
        named = port is not None and any(entry.plain_http and _names(entry, host, port) for entry in self.allowlist)
        return "http" if named else "https"

    def check_address(self, host: str, port: int, address: str) -> None:
        """Refuse an address that a host has turned out to have. Raises RegistryDenied."""
        kind = _forbidden(ip_address(address))
        named = any(entry.host == host and _names(entry, host, port) for entry in self.allowlist)
        if kind is None or (kind == "loopback" and named):
            return
        remedy = f"; start it with --registry-allowlist {host}:{port} to allow it" if kind == "loopback" else ""
        raise RegistryDenied(f"the operator may not contact {host}: {address} is a {kind} address{remedy}")

    def check_proxy(self, proxy: URL) -> None:
        """Refuse a proxy by its address, where its URL names one. Raises RegistryDenied."""
        address = _literal(canonical_host(proxy))
        if address is not None:
            self.check_address_of_proxy(address, address)

    def check_address_of_proxy(self, host: str, address: str) -> None:
        """Refuse an address of a proxy. That it is on this machine is its operator's choice. Raises RegistryDenied."""
        kind = _forbidden(ip_address(address))
        if kind not in {None, "loopback"}:
            raise RegistryDenied(
                f"the operator may not contact its proxy {host}: {address} is a {kind} address; correct HTTPS_PROXY or"
                " HTTP_PROXY in its environment"
            )

    def resolver(self, *, of_proxies: bool = False) -> AbstractResolver:
        """Make a resolver that gives only addresses that pass: those of registries, or those of proxies."""
        return _CheckedResolver(self, of_proxies=of_proxies)


class _CheckedResolver(AbstractResolver):
    def __init__(self, gate: Gate, *, of_proxies: bool) -> None:
        self._gate = gate
        self._of_proxies = of_proxies
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Resolve a name. Raises OSError where that fails, RegistryDenied where one of its addresses is forbidden."""
        found = await self._resolver.resolve(host, port, family)
        for each in found:
            if self._of_proxies:
                self._gate.check_address_of_proxy(host, each["host"])
            else:
                self._gate.check_address(host.rstrip(".").lower(), port, each["host"])
        if not found:
            raise OSError(f"{host} has no address")
        return found

    async def close(self) -> None:
        """Close the resolver that it asks."""
        await self._resolver.close()


def origin(url: URL) -> str:
    """Give scheme, host and port: what may be told of a URL that a registry sent."""
    return f"{url.scheme}://{url.host_port_subcomponent or ''}"


def _literal(host: str) -> str | None:
    """Give the address that stands in place of a name."""
    try:
        return str(ip_address(host.strip("[]")))
    except ValueError:
        return None


def _names(entry: RegistryEntry, host: str, port: int) -> bool:
    if entry.port not in {None, port}:
        return False
    if entry.host.startswith("*."):
        return host.endswith(entry.host[1:]) and len(host) >= len(entry.host)
    return entry.host == host


def _forbidden(address: IPv4Address | IPv6Address) -> str | None:
    """Name the kind of an address that is not contacted."""
    address = _embedded(address)
    if address in _METADATA:
        return "cloud metadata"
    kinds = {
        "loopback": address.is_loopback,
        "link-local": address.is_link_local,
        "multicast": address.is_multicast,
        "unspecified": address.is_unspecified,
        "reserved": address.is_reserved,
    }
    return next((kind for kind, applies in kinds.items() if applies), None)


def _embedded(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Give the IPv4 address that an IPv6 address leads to, if it does."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None) or address
