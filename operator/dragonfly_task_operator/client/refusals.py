"""What the API server refuses, told for a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import aiohttp

from dragonfly_task_operator.api.base import API_VERSION, GROUP
from dragonfly_task_operator.api.kinds import Resource
from dragonfly_task_operator.client.errors import (
    AlreadyThere,
    Changed,
    ClientError,
    Denied,
    Foreign,
    Forgotten,
    KindsMissing,
    NoSuchObject,
    NotTaken,
    Unreachable,
)
from dragonfly_task_operator.kube.answers import ForeignAnswer
from dragonfly_task_operator.kube.connection import Refused

_NO_ANSWER = (aiohttp.ClientError, TimeoutError, OSError)
_NOT_TAKEN = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.REQUEST_ENTITY_TOO_LARGE})


@contextmanager
def mapped(server: str) -> Iterator[None]:
    """Ask inside of the block. Raises Unreachable with what a person can do about it."""
    try:
        yield
    except Refused as error:
        advice = "log in again, or look at the user and the cluster that the context names"
        raise Unreachable(f"the API server {server} can't be asked: {error}; {advice}") from None
    except ForeignAnswer as error:
        advice = "something else answers there: look at the kubeconfig's server and proxy-url, and at HTTPS_PROXY"
        raise Foreign(f"the API server {server} can't be asked: {error}; {advice}") from None
    except _NO_ANSWER as error:
        why = str(error) or type(error).__name__
        advice = "check that it runs, and that the context is the right one"
        raise Unreachable(f"the API server {server} can't be reached: {why}; {advice}") from None


def refusal(
    status: int, answer: Mapping[str, Any], *, verb: str, kind: Resource, namespace: str | None, name: str | None
) -> ClientError:
    """Make the error that tells why the API server did not do what was asked.

    Args:
        status: of HTTP.
        answer: the API server's `Status`.
        verb: what was asked for, as roles name it.
        kind: of what.
        namespace: where; None: in all.
        name: of what; None: of all there are.
    """
    message = str(answer.get("message") or HTTPStatus(status).phrase)
    details = answer.get("details")
    details = details if isinstance(details, Mapping) else {}
    if status == HTTPStatus.FORBIDDEN and Denied.is_told_by(message):
        return Denied(message, verb=verb, plural=kind.plural, namespace=namespace)
    if status == HTTPStatus.FORBIDDEN or status in _NOT_TAKEN:
        return NotTaken(f"the API server does not take it: {message}")
    if status == HTTPStatus.NOT_FOUND:
        return _not_found(message, details, kind, namespace, name)
    if status == HTTPStatus.CONFLICT:
        return _conflict(message, answer.get("reason"), f"{kind.name} {namespace}/{name}")
    if status == HTTPStatus.GONE:
        return Forgotten(message)
    return Unreachable(f"the API server can't do it now, it answered {status}: {message}; try again")


def _conflict(message: str, reason: object, what: str) -> ClientError:
    if reason == "AlreadyExists":
        return AlreadyThere(f"there is a {what} already; give another name")
    return Changed(f"the {what} has changed meanwhile; look at it, and try again: {message}")


def _not_found(
    message: str, details: Mapping[str, Any], kind: Resource, namespace: str | None, name: str | None
) -> ClientError:
    if name is not None and details.get("name") == name and details.get("kind") == kind.plural:
        return NoSuchObject(f"there is no {kind.name} {namespace}/{name}")
    if details.get("kind") == "namespaces":
        return NoSuchObject(f"there is no namespace {details.get('name')}")
    return missing(kind, message)


def missing(kind: Resource, message: str) -> KindsMissing:
    """Make the error that tells that a kind is not installed."""
    return KindsMissing(
        f"the API server does not know the kind {kind.plural}.{GROUP} ({message}): the CRDs of {API_VERSION} are not"
        " installed there. Who runs the cluster can say: dragonfly-task-operator crds | kubectl apply -f -"
    )
