"""Whose trouble is an error of the transport: another's, or this process's and its node's own?

The one place that decides, for every transport: gRPC, which hands on the system's words, and all that raises OSError.
What is not found to be own trouble here is the other side's, as a refused or reset connection and silence are. So is
"No route to host": the system says it of a neighbour that is down.
"""

from __future__ import annotations

import errno
import os
import resource
import socket
import ssl
from collections.abc import Iterator
from ipaddress import ip_address

from dragonfly_task_operator.errors import OwnKind, OwnTrouble

_KINDS: dict[int, OwnKind] = {
    errno.EMFILE: OwnKind.FILES,
    errno.ENFILE: OwnKind.FILES,
    errno.EADDRNOTAVAIL: OwnKind.PORTS,
    errno.ENOBUFS: OwnKind.MEMORY,
    errno.ENOMEM: OwnKind.MEMORY,
    errno.ENETUNREACH: OwnKind.NETWORK,
    errno.ENETDOWN: OwnKind.NETWORK,
    errno.EAFNOSUPPORT: OwnKind.NETWORK,
    errno.EACCES: OwnKind.FORBIDDEN,
    errno.EPERM: OwnKind.FORBIDDEN,
}
"""What socket() and connect() give at once, without a word from the other side (socket(2), connect(2), tcp(7))."""

_WORDS = {os.strerror(number): number for number in _KINDS}

_FROM_AFAR = "Failed to connect to remote host"
"""What gRPC puts before an error that came after the request to connect had left: by a router, or the other side."""

_PATH = frozenset({OwnKind.NETWORK, OwnKind.FORBIDDEN})
"""Kinds that are about the way to an address: from afar, or to an address that is nobody's, they are not own."""


def of_errno(number: int | None, *, ip: str | None = None, from_afar: bool = False) -> OwnTrouble | None:
    """Judge a number of the system's.

    Args:
        number: as of OSError.
        ip: where to; None where that is not known.
        from_afar: whether it came after the request to connect had left.

    Returns:
        what to raise instead, or None where the trouble is the other side's.
    """
    kind = _KINDS.get(number or 0)
    if kind is None or (kind in _PATH and (from_afar or (ip is not None and _is_nobodys(ip)))):
        return None
    return OwnTrouble(kind, _message(kind, number or 0, ip))


def of_words(words: str, *, ip: str | None = None) -> OwnTrouble | None:
    """Judge what a library says that hides the number. Only for words that this side made: another's may be anything.

    Args and returns are those of `of_errno`.
    """
    number = next((number for text, number in _WORDS.items() if text in words), None)
    return of_errno(number, ip=ip, from_afar=_FROM_AFAR in words)


def of_error(error: BaseException, *, ip: str | None = None) -> OwnTrouble | None:
    """Judge an exception by the OSErrors that it is, or was made of.

    One that tried several addresses is own trouble only if each of them was.

    Args and returns are those of `of_errno`.
    """
    found = [of_errno(_number(cause), ip=ip) for cause in _system_errors(error)]
    return found[0] if found and all(found) else None


def raise_if_own(error: BaseException, *, ip: str | None = None) -> None:
    """Judge an exception as `of_error` does. Raises OwnTrouble, which stands for it; returns where it is not own."""
    own = of_error(error, ip=ip)
    if own is not None:
        raise own from None


def _number(error: OSError) -> int | None:
    if isinstance(error, socket.gaierror):  # its numbers are of another list
        return errno.ENOMEM if error.errno == socket.EAI_MEMORY else _why_no_socket()
    return None if isinstance(error, ssl.SSLError) else error.errno  # as are those of OpenSSL, whose 1 is no EPERM


def _why_no_socket() -> int | None:
    """Look whether there are files: the resolver says of a want of them what it says of a name that does not exist."""
    try:
        socket.socket().close()
    except OSError as error:
        return error.errno
    return None


def _system_errors(error: BaseException) -> Iterator[OSError]:
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _system_errors(each)
        return
    inner = getattr(error, "os_error", None)  # of aiohttp: which copies its number, but not that of a gaierror
    if isinstance(inner, OSError):
        yield from _system_errors(inner)
    elif isinstance(error, OSError):
        yield error
    elif error.__cause__ is not None:
        yield from _system_errors(error.__cause__)


def _is_nobodys(ip: str) -> bool:
    """Whether an address can't be a peer's: no route to it is no fault of this node."""
    try:
        address = ip_address(ip)
    except ValueError:
        return True
    return address.is_multicast or address.is_unspecified or address.is_reserved or int(address) >> 24 == 0


def _message(kind: OwnKind, number: int, ip: str | None) -> str:
    to = f" to {ip}" if ip else ""
    words = os.strerror(number)
    match kind:
        case OwnKind.FILES if number == errno.EMFILE:
            limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
            return f"the operator has run out of files (limit {limit}): raise the limit of open files of its container"
        case OwnKind.FILES:
            return "the operator's node has run out of files: look at what else runs there, or raise fs.file-max"
        case OwnKind.PORTS:
            return (
                f"the operator's node has no port or address left to connect from ({words}): look at what else"
                " connects there, or widen net.ipv4.ip_local_port_range"
            )
        case OwnKind.MEMORY:
            return f"the operator's node is short of memory for connections ({words}): look at what else runs there"
        case OwnKind.NETWORK:
            return f"the operator's node has no route{to} ({words}): mend the node's network"
        case _:
            return f"the operator may not connect{to} ({words}): correct its NetworkPolicies and its node's firewall"


def stopping() -> OwnTrouble:
    """Give the trouble of a request on a connection that this process has closed."""
    return OwnTrouble(OwnKind.STOPPING, "the operator is stopping")
