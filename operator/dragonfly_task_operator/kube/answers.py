"""What counts as an answer of the API server: the object that was asked for, or a `Status` of its own.

Whatever else comes is some proxy's, load balancer's or aggregation layer's, and says nothing of any object: then the
API server can't be reached.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:  # it takes long to import, and what a person starts is to answer at once
    from kubernetes.aio.client import ApiException

_SHOWN = 80
_SUCCESS = range(200, 300)
_DISCOVERY = frozenset({"APIVersions", "APIGroupList", "APIGroup", "APIResourceList"})
_WITHOUT_BODIES = "meta.k8s.io/v1"
_DEEPEST_DISCOVERY = {False: 1, True: 2}
"""Slashes in the longest path that asks what there is: /api/VERSION, or /apis/GROUP/VERSION."""

Document = Mapping[str, Any]


class ForeignAnswer(aiohttp.ClientConnectionError):
    """An answer that is not the API server's. To libraries it is a connection that failed: they try again."""


def document(status: int, path: str, content: bytes, *, method: str = "GET") -> Document:
    """Read an answer.

    Args:
        status: of HTTP.
        path: of the request, without a query.
        content: the body.
        method: of the request.

    Raises:
        ForeignAnswer: it is none of the API server's, or not to this request.
    """
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):  # the second of one that is nested without end
        raise foreign(status, content) from None
    if not isinstance(body, dict) or not _fits(status, path, body, method):
        raise foreign(status, content)
    return body


def foreign(status: int, content: bytes) -> ForeignAnswer:
    """Tell of an answer that is none."""
    shown = " ".join(content[: 4 * _SHOWN].decode(errors="replace").split())[:_SHOWN]
    return ForeignAnswer(f"{status} and what is no answer of an API server: {shown!r}")


def _fits(status: int, path: str, body: Document, method: str) -> bool:
    kind, version = body.get("kind"), body.get("apiVersion")
    if kind == "Status":
        if status in _SUCCESS and method != "DELETE":
            return False  # whoever reads or writes an object is given it
        told = "Success" if status in _SUCCESS else "Failure"
        return version == "v1" and body.get("status") == told and body.get("code", status) == status
    return status in _SUCCESS and isinstance(kind, str) and _is_asked_for(path, kind, version, body)


def _is_asked_for(path: str, kind: str, version: object, body: Document) -> bool:
    """Say whether this is of the API that was asked, and has the name that was asked for."""
    if path.strip("/").count("/") <= _DEEPEST_DISCOVERY[path.startswith("/apis")]:
        return kind in _DISCOVERY
    group_version, name, is_namespaced = _parts(path)
    metadata = body.get("metadata")
    if not isinstance(metadata, dict):
        return False
    if version not in {group_version, _WITHOUT_BODIES}:
        return False
    if kind.endswith("List"):
        whole = "items" in body and bool(metadata.get("resourceVersion"))
        return whole and name is None
    if name is None:
        return is_namespaced
    return metadata.get("name") == name and bool(metadata.get("uid") and metadata.get("resourceVersion"))


def _parts(path: str) -> tuple[str, str | None, bool]:
    """Take apart `/api/v1/...` or `/apis/GROUP/VERSION/...`: the version, the object's name, whether in a namespace."""
    root, *rest = path.strip("/").split("/")
    cut = 1 if root == "api" else 2
    version, rest = "/".join(rest[:cut]), rest[cut:]
    is_namespaced = len(rest) > 1 and rest[0] == "namespaces"
    if is_namespaced:
        rest = rest[2:]
    return version, rest[1] if len(rest) > 1 else None, is_namespaced


def is_no_more(error: ApiException, *, name: str, plural: str, group: str = "") -> bool:
    """Say whether the API server, asked for an object, says that there is none of this name."""
    told = status_of(error)
    details = told.get("details")
    if not isinstance(details, dict):
        return False
    return (
        told.get("reason") == "NotFound"
        and details.get("name") == name
        and details.get("kind", plural) == plural
        and details.get("group", group) == group
    )


def status_of(error: ApiException) -> Document:
    """Give the API server's `Status`."""
    body = json.loads(error.body or "{}")
    return body if isinstance(body, dict) else {}


def message_of(error: ApiException) -> str:
    """Give the API server's own words."""
    return str(status_of(error).get("message") or error.reason)
