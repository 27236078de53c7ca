"""Why a request was not answered, in words for people: how far its connection had come."""

from __future__ import annotations

import os

import grpc

from dragonfly_task_operator.dragonfly.rpc_error import RpcError


def address(ip: str, port: int) -> str:
    """Write an address and a port."""
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def too_late(whom: str, timeout: float, *, connected: bool, has_spoken: bool) -> RpcError:
    """Say what has been waited for in vain, for so many seconds."""
    if not connected:
        words = f"no connection to {whom} within {timeout:g} s"
    elif not has_spoken:
        words = f"{whom} took the connection, but did not speak HTTP/2 within {timeout:g} s"
    else:
        words = f"no answer within {timeout:g} s"
    return RpcError(grpc.StatusCode.DEADLINE_EXCEEDED, words)


def ended(whom: str, number: int, goodbye: str, *, connected: bool, has_spoken: bool) -> RpcError:
    """Say why a connection ended: by an errno, or 0 if the other side closed it."""
    why = os.strerror(number) if number else "closed by the other side"
    if not connected:
        words = f"connecting to {whom} failed: {why}"
    elif not has_spoken:
        words = f"{whom} took the connection, but ended it before it spoke HTTP/2 ({why})"
    else:
        words = f"the connection to {whom} ended before the answer came ({why}{goodbye})"
    return RpcError(grpc.StatusCode.UNAVAILABLE, words)


def given_up(whom: str, why: object) -> RpcError:
    """Say why this side ended a connection."""
    return RpcError(grpc.StatusCode.UNAVAILABLE, f"the connection to {whom} was given up: {why}")
