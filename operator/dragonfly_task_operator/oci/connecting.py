"""Why no answer came from a registry, in the operator's own words: a library's may quote what the server sent."""

from __future__ import annotations

import os
import ssl
from http import HTTPStatus

import aiohttp
from yarl import URL

from dragonfly_task_operator.errors import ImageUnresolvable, RegistryDenied
from dragonfly_task_operator.oci.addresses import origin

_NOT_YET_VALID, _EXPIRED = 9, 10
_OTHER_NAME, _OTHER_ADDRESS = 62, 64
"""Of OpenSSL's X509_V_ERR_*: what a certificate is refused for (openssl-verification-options(1))."""
_UNKNOWN_AUTHORITY = frozenset({2, 18, 19, 20, 21})

_MAY_PASS = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})


def told(
    error: Exception, url: URL, proxy: URL | None, *, timeout: aiohttp.ClientTimeout
) -> ImageUnresolvable | RegistryDenied:
    """Say what went wrong with a request.

    Args:
        error: of aiohttp, the operating system, or a library that they use.
        url: what was asked for.
        proxy: what it was asked through.
        timeout: how long a connection and an answer may take.
    """
    match error:
        case aiohttp.ClientHttpProxyError():
            return refused_by_proxy(error.status, url, proxy)
        case aiohttp.ClientConnectorCertificateError():
            return _of_certificate(error.certificate_error, url)
        case aiohttp.ClientConnectorSSLError():
            return _of_tls(error.os_error, url)
        case ssl.SSLError() | aiohttp.ClientSSLError():
            return _of_tls(error, url)
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError() if proxy is not None:
            return ImageUnresolvable(_proxy_unreached(error, url, proxy, timeout), retry_after=0)
        case _:
            return ImageUnresolvable(_unreached(error, url, proxy, timeout), retry_after=0)


def _unreached(error: Exception, url: URL, proxy: URL | None, timeout: aiohttp.ClientTimeout) -> str:
    registry = origin(url)
    match error:
        case aiohttp.ClientConnectorDNSError():
            return f"the name {url.host} can't be resolved; check the host of the image and the cluster's DNS"
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
            return (
                f"{registry} can't be connected to ({_reason(error, timeout)}); check that the registry runs and that"
                " the operator's NetworkPolicy lets it through"
            )
        case TimeoutError():
            through = "" if proxy is None else f" through the proxy {origin(proxy)}"
            return (
                f"{registry} did not answer{through} within {timeout.total:.0f} s; check the registry and the"
                " operator's NetworkPolicy"
            )
        case aiohttp.ServerDisconnectedError() if url.scheme == "https":
            return (
                f"{registry} ended the connection without an answer; check the registry: it may be restarting, or want"
                " a client certificate, which the operator has none of"
            )
        case _:
            return f"{registry} broke off its answer or sent no HTTP ({type(error).__name__}); check the registry"


def _proxy_unreached(
    error: aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError,
    url: URL,
    proxy: URL,
    timeout: aiohttp.ClientTimeout,
) -> str:
    variable = f"{_variable(url)} in the operator's environment"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return f"the name of the proxy {origin(proxy)} can't be resolved; check {variable} and the cluster's DNS"
    return (
        f"the proxy {origin(proxy)} can't be connected to ({_reason(error, timeout)}); check that it runs, {variable},"
        " and the operator's NetworkPolicy"
    )


def refused_by_proxy(status: int, url: URL, proxy: URL | None) -> ImageUnresolvable | RegistryDenied:
    """Say that a proxy, and no registry, refused a request."""
    who = "a proxy" if proxy is None else f"the proxy {origin(proxy)}"
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return RegistryDenied(
            f"{who} wants a name and a password before it leads to {origin(url)} ({status}); put them into"
            f" {_variable(url)} of the operator, as http://USER:PASSWORD@HOST:PORT"
        )
    message = f"{who} does not lead to {origin(url)} ({status}); check what it allows, or name the host in NO_PROXY"
    return ImageUnresolvable(message, retry_after=0) if status in _MAY_PASS else RegistryDenied(message)


def _variable(url: URL) -> str:
    return f"{url.scheme.upper()}_PROXY"


def _reason(
    error: aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError, timeout: aiohttp.ClientTimeout
) -> str:
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return f"nothing came back within {timeout.sock_connect:.0f} s"
    number = error.os_error.errno
    return os.strerror(number) if number else type(error.os_error).__name__


def _of_certificate(error: Exception, url: URL) -> ImageUnresolvable:
    code = getattr(error, "verify_code", None)
    what = f"the certificate of {origin(url)} is not trusted"
    if not isinstance(error, ssl.SSLCertVerificationError) or code in {_OTHER_NAME, _OTHER_ADDRESS}:
        message = (
            f"{what}: it is for another host than {url.host}; correct the host of the image, or have it issued"
            " for this one, too"
        )
    elif code == _EXPIRED:
        message = f"{what}: it has expired, or that of an authority that comes with it; renew it there"
    elif code == _NOT_YET_VALID:
        message = f"{what}: it is not valid yet; check the clocks of the registry and of the operator's node"
    elif code in _UNKNOWN_AUTHORITY:
        message = (
            f"{what} ({error.verify_message}); name a Secret with its CA as ca.crt in caSecretRef, or correct the one"
            " that is named"
        )
    else:
        message = f"{what} ({error.verify_message}); have it, or its CA's, issued anew"
    return ImageUnresolvable(message)


def _of_tls(error: Exception, url: URL) -> ImageUnresolvable:
    registry, reason = origin(url), getattr(error, "reason", None) or type(error).__name__
    if "CERTIFICATE_REQUIRED" in reason or "BAD_CERTIFICATE" in reason:
        return ImageUnresolvable(
            f"{registry} wants a client certificate, and the operator has none to show; let it take credentials"
        )
    return ImageUnresolvable(f"{registry} speaks no TLS that the operator does ({reason}); check its port and scheme")
