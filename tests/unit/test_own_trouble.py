"""Whose trouble an error is: the table of what the system says, whichever library hands it on."""

from __future__ import annotations

import errno
import os
import socket
import ssl

import aiohttp
import pytest

from dragonfly_task_operator import own_trouble
from dragonfly_task_operator.errors import OwnKind

OWN = {
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
PEERS = [
    errno.ECONNREFUSED,
    errno.ECONNRESET,
    errno.ECONNABORTED,
    errno.EPIPE,
    errno.ETIMEDOUT,
    errno.EHOSTUNREACH,
    errno.EHOSTDOWN,
    errno.EINVAL,
]
FAILED = "failed to connect to all addresses; last error: "
AT_ONCE = [
    FAILED + "INTERNAL: ipv4:10.0.0.7:4000: socket: {}\n\x02\xad\x81\xff",
    FAILED + "FAILED_PRECONDITION: ipv4:10.0.0.7:4000: connect failed: addr: ipv4:10.0.0.7:4000 error: {}",
]
"""As grpcio 1.85.1 says it, seen with few files and in network namespaces without routes or ports."""
FROM_AFAR = FAILED + "UNKNOWN: ipv4:10.0.0.7:4000: Failed to connect to remote host: {}"


def kind_of(error: BaseException, *, ip: str | None = None) -> OwnKind | None:
    own = own_trouble.of_error(error, ip=ip)
    return own.kind if own else None


def kind_of_words(words: str, *, ip: str | None = "10.0.0.7") -> OwnKind | None:
    own = own_trouble.of_words(words, ip=ip)
    return own.kind if own else None


@pytest.mark.parametrize("number", OWN, ids=lambda number: errno.errorcode[number])
def test_what_this_process_is_short_of_is_own(number: int) -> None:
    assert kind_of(OSError(number, os.strerror(number)), ip="10.0.0.7") is OWN[number]


@pytest.mark.parametrize("said", AT_ONCE, ids=["socket", "connect"])
@pytest.mark.parametrize("number", OWN, ids=lambda number: errno.errorcode[number])
def test_own_trouble_is_own_in_the_words_of_grpc_too(number: int, said: str) -> None:
    assert kind_of_words(said.format(os.strerror(number))) is OWN[number]


@pytest.mark.parametrize("number", PEERS, ids=lambda number: errno.errorcode[number])
def test_what_a_peer_or_the_way_to_it_does_is_not_own(number: int) -> None:
    words = [said.format(os.strerror(number)) for said in (*AT_ONCE, FROM_AFAR)]

    assert (kind_of(OSError(number, "")), *map(kind_of_words, words)) == (None,) * 4


@pytest.mark.parametrize("number", [errno.ENETUNREACH, errno.EACCES])
def test_router_on_the_way_is_not_this_node(number: int) -> None:
    assert kind_of_words(FROM_AFAR.format(os.strerror(number))) is None


@pytest.mark.parametrize("ip", ["0.0.0.0", "0.0.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "::", "no address"])
def test_address_that_is_nobodys_is_not_this_nodes_trouble(ip: str) -> None:
    assert kind_of(OSError(errno.ENETUNREACH, ""), ip=ip) is None
    assert kind_of(OSError(errno.EMFILE, ""), ip=ip) is OwnKind.FILES


def test_numbers_of_other_lists_are_not_taken_for_the_systems() -> None:
    assert kind_of(ssl.SSLError(1, "WRONG_VERSION_NUMBER")) is None  # 1 is EPERM
    assert kind_of(socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")) is None
    assert kind_of(socket.gaierror(socket.EAI_MEMORY, "Memory allocation failure")) is OwnKind.MEMORY


def test_aiohttps_errors_are_judged_by_the_systems_inside() -> None:
    key = aiohttp.client_reqrep.ConnectionKey("registry", 443, True, True, None, None, None)
    refused, short = ConnectionRefusedError(errno.ECONNREFUSED, ""), OSError(errno.EMFILE, "Too many open files")

    assert kind_of(aiohttp.ClientConnectorError(key, refused)) is None
    assert kind_of(aiohttp.ClientConnectorError(key, short)) is OwnKind.FILES
    assert kind_of(aiohttp.ClientConnectorDNSError(key, short)) is OwnKind.FILES
    assert kind_of(TimeoutError()) is None
    assert kind_of(aiohttp.ServerDisconnectedError()) is None


def test_several_addresses_are_own_trouble_only_if_each_is() -> None:
    refused, short = ConnectionRefusedError(errno.ECONNREFUSED, ""), OSError(errno.EMFILE, "")

    assert kind_of(ExceptionGroup("", [short, short])) is OwnKind.FILES
    assert kind_of(ExceptionGroup("", [short, refused])) is None


def test_message_says_whose_limit_it_is_and_what_to_do() -> None:
    message = str(own_trouble.of_errno(errno.EMFILE))

    assert message.startswith("the operator has run out of files (limit ")
    assert "raise the limit of open files of its container" in message
