"""What a GitOps tool calls out of sync, computed as it does.

Argo CD merges three ways on its own (gitops-engine's pkg/diff): the object that was applied last, the one in the
repository and the live one give a JSON merge patch; where that would change the live object, the two differ. With
ServerSideDiff, and as Flux always does, the API server is asked what applying would make of the live object.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from hack.kubectl import Kubectl
from tests.gitops.argocd import merge_patch

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
Body = Mapping[str, Any]


def client_side(wanted: Body, live: Body) -> dict[str, Any]:
    """Give the patch that a sync would make of the live object; an empty one: it is in sync."""
    original = (live["metadata"].get("annotations") or {}).get(LAST_APPLIED)
    # Of an object that nobody has applied, Argo CD takes what is wanted for what was applied last.
    last_applied = _comparable(wanted if original is None else json.loads(original))
    config, live_object = _comparable(wanted), _comparable(live)
    changes = _without_nulls(merge_patch(live_object, config))
    deletions = _nulls(merge_patch(last_applied, config))
    predicted = _patched(live_object, _merged(changes, deletions))
    return dict(merge_patch(live_object, predicted))


def server_side(kubectl: Kubectl, wanted: Body, live: Body, *, manager: str) -> dict[str, Any]:
    """Give what server-side apply would change of the live object; nothing: it is in sync. Raises KubectlError."""
    said = kubectl.must(
        "apply", "--server-side", "--dry-run=server", "--force-conflicts", f"--field-manager={manager}", "-o", "json",
        "-f", "-", stdin=json.dumps(wanted),
    )  # fmt: skip
    return difference(live, json.loads(said))


def difference(live: Body, other: Body) -> dict[str, Any]:
    """Give what differs but for what every write changes, and who wrote what."""
    return dict(merge_patch(_bare(live), _bare(other)))


def _bare(body: Body) -> dict[str, Any]:
    bare = _comparable(body)
    for name in ("managedFields", "resourceVersion"):
        bare["metadata"].pop(name, None)
    return bare


def _comparable(body: Body) -> dict[str, Any]:
    comparable = deepcopy(dict(body))
    metadata = comparable["metadata"]
    for name in ("creationTimestamp", "namespace"):
        metadata.pop(name, None)
    annotations = metadata.get("annotations") or {}
    annotations.pop(LAST_APPLIED, None)
    if not annotations:
        metadata.pop("annotations", None)
    return comparable


def _without_nulls(patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    return {name: _without_nulls(value) for name, value in patch.items() if value is not None}


def _nulls(patch: Any) -> Any:
    found: dict[str, Any] = {}
    for name, value in patch.items():
        if value is None:
            found[name] = None
        elif isinstance(value, dict) and (inner := _nulls(value)):
            found[name] = inner
    return found


def _merged(patch: Any, other: Any) -> Any:
    if not (isinstance(patch, dict) and isinstance(other, dict)):
        return other
    return {**patch, **{name: _merged(patch.get(name), value) for name, value in other.items()}}


def _patched(body: Any, patch: Any) -> Any:
    """Apply a JSON merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return patch
    patched = dict(body) if isinstance(body, dict) else {}
    for name, value in patch.items():
        if value is None:
            patched.pop(name, None)
        else:
            patched[name] = _patched(patched.get(name), value)
    return patched
