"""HTTP proxies on the way to registries, as the environment names them: HTTP_PROXY, HTTPS_PROXY and NO_PROXY.

They are read as Go reads them, because the clients whose environment people copy here are written in Go: the lower case
spelling counts where the upper case one is not set, and nothing on this machine is asked through a proxy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from yarl import URL

from dragonfly_task_operator.errors import SettingsError
from dragonfly_task_operator.oci.locations import canonical_host

_Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class _Rule:
    """What is asked directly: everything, a network, an address, or a name and those below it; the latter two by port.

    Attributes:
        suffix: the end of the names that are meant, from a dot on.
        name: a name that is meant as it is.
    """

    everything: bool = False
    network: IPv4Network | IPv6Network | None = None
    suffix: str = ""
    name: str = ""
    port: int | None = None

    def means(self, host: str, address: _Address | None, port: int) -> bool:
        """Tell whether a host is meant, by the address where it is named by one, and by its port."""
        if self.everything:
            return True
        if self.port not in {None, port}:
            return False
        if self.network is not None:
            return address is not None and address.version == self.network.version and address in self.network
        return host == self.name or bool(self.suffix and host.endswith(self.suffix))


@dataclass(frozen=True, slots=True)
class Proxies:
    """Which proxy is on the way to which server. Without any, every server is asked directly.

    Attributes:
        by_scheme: the proxy for URLs of a scheme.
        direct: what is asked directly all the same.
    """

    by_scheme: Mapping[str, URL] = field(repr=False)
    direct: Sequence[_Rule] = ()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Proxies:
        """Read the variables. Raises SettingsError where one can't be used; never with a password that it holds."""
        found = {scheme: _variable(environment, f"{scheme.upper()}_PROXY") for scheme in ("http", "https")}
        _, exceptions = _variable(environment, "NO_PROXY")
        return cls(
            {scheme: _proxy(name, text) for scheme, (name, text) in found.items() if text},
            tuple(_rule(each) for text in exceptions.split(",") if (each := text.strip().lower())),
        )

    def for_(self, url: URL) -> URL | None:
        """Give the proxy that a URL is asked through; None for none."""
        proxy = self.by_scheme.get(url.scheme)
        host, port = canonical_host(url), url.port
        if proxy is None or port is None:
            return None
        address = _address(host)
        if host == "localhost" or (address is not None and address.is_loopback):
            return None
        return None if any(rule.means(host, address, port) for rule in self.direct) else proxy


NO_PROXIES = Proxies({})


def _variable(environment: Mapping[str, str], name: str) -> tuple[str, str]:
    """Give the spelling of a variable that is set, and its value."""
    spelling = name if environment.get(name) else name.lower()
    return spelling, environment.get(spelling, "").strip()


def _proxy(variable: str, text: str) -> URL:
    """Read the URL of a proxy. Without a scheme it is one that is spoken to in plain http."""
    try:
        url = URL(text if "://" in text else f"http://{text}")
        if url.scheme in {"http", "https"} and url.host and url.port:
            return url
    except ValueError:
        pass
    raise SettingsError(
        f"the environment variable {variable} names no proxy that the operator can use: write it as"
        " http://[USER:PASSWORD@]HOST:PORT or https://…; socks is not spoken"
    )


def _rule(entry: str) -> _Rule:
    """Read an entry of NO_PROXY, in lower case. A name that begins with a dot, or `*.`, means only those below it."""
    if entry == "*":
        return _Rule(everything=True)
    name, port = _split_port(entry)
    try:
        return _Rule(network=ip_network(name.strip("[]"), strict=False), port=port)
    except ValueError:
        name = name.removeprefix("*").rstrip(".")
        return _Rule(suffix=name, port=port) if name.startswith(".") else _Rule(suffix=f".{name}", name=name, port=port)


def _split_port(entry: str) -> tuple[str, int | None]:
    name, colon, port = entry.rpartition(":")
    if colon and port.isascii() and port.isdigit() and (":" not in name or name.endswith("]")):
        return name, int(port)
    return entry, None


def _address(host: str) -> _Address | None:
    try:
        return ip_address(host.strip("[]"))
    except ValueError:
        return None
