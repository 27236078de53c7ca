"""TaskReports as the API server has them: made, changed, listed and removed, without reading back what they say."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from kubernetes.aio.client import ApiClient, CustomObjectsApi, V1DeleteOptions, V1Preconditions

from dragonfly_task_operator.api.base import API_VERSION, GROUP, VERSION
from dragonfly_task_operator.api.kinds import KINDS, TASK_REPORT
from dragonfly_task_operator.engine.ports import Mandate
from dragonfly_task_operator.kube.objects import METADATA_LIST, METADATA_ONLY, Conflict, NotFound, Ref, guarded

_LISTED_AT_ONCE = 100
"""Pages that are listed in one request: the API server reads them whole, even where it gives no bodies."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A TaskReport, but for what it says. `of`: the object that owns it; None where it is none of this operator's."""

    namespace: str
    name: str
    uid: str
    resource_version: str
    of: Ref | None

    def is_of(self, ref: Ref) -> bool:
        """Whether that object owns it, and not another of the name."""
        return self.of is not None and self.of.uid == ref.uid


class Reports:
    """The TaskReports of a cluster.

    Args:
        client: with the operator's rights.
        mandate: proved before each write; None where there is only one operator.
    """

    def __init__(self, client: ApiClient, *, mandate: Mandate | None = None) -> None:
        self._api = CustomObjectsApi(client)
        self._mandate = mandate

    async def create(self, ref: Ref, name: str, report: Mapping[str, Any]) -> Sheet:
        """Make a page that is owned by an object.

        Raises:
            Conflict: there is one of its name.
            ApiUnavailable, TooLarge, WriteRefused.
        """
        owner = {
            "apiVersion": API_VERSION,
            "kind": ref.kind.name,
            "name": ref.name,
            "uid": ref.uid,
            "controller": True,
            "blockOwnerDeletion": False,
        }
        body = {
            "apiVersion": API_VERSION,
            "kind": TASK_REPORT.name,
            "metadata": {"name": name, "namespace": ref.namespace, "ownerReferences": [owner]},
            TASK_REPORT.field: report,
        }
        await self._prove()
        call = self._api.create_namespaced_custom_object
        return _sheet(await guarded(call(*_IN, ref.namespace, TASK_REPORT.plural, body, _headers=METADATA_ONLY)))

    async def change(self, sheet: Sheet, report: Mapping[str, Any]) -> Sheet:
        """Change what a page says, field by field.

        Raises:
            Conflict: it has been changed since it was seen.
            NotFound, ApiUnavailable, TooLarge, WriteRefused.
        """
        patch = {"metadata": {"resourceVersion": sheet.resource_version}, TASK_REPORT.field: report}
        await self._prove()
        call = self._api.patch_namespaced_custom_object
        merge = "application/merge-patch+json"
        return _sheet(
            await guarded(call(*_at(sheet.namespace, sheet.name), patch, _content_type=merge, _headers=METADATA_ONLY))
        )

    async def find(self, namespace: str, name: str) -> Sheet | None:
        """Look for a page. Raises ApiUnavailable."""
        call = self._api.get_namespaced_custom_object
        try:
            return _sheet(await guarded(call(*_at(namespace, name), _headers=METADATA_ONLY)))
        except NotFound:
            return None

    async def all(self, namespace: str | None) -> AsyncIterator[Sheet]:
        """List the pages of a namespace; None: of all. Raises ApiUnavailable."""
        token: str | None = None
        while True:
            how: dict[str, Any] = {"limit": _LISTED_AT_ONCE, "_continue": token, "_headers": METADATA_LIST}
            if namespace:
                call = self._api.list_namespaced_custom_object(*_IN, namespace, TASK_REPORT.plural, **how)
            else:
                call = self._api.list_cluster_custom_object(*_IN, TASK_REPORT.plural, **how)
            listing = await guarded(call)
            for item in listing["items"] or ():  # null where there are none, in this form
                yield _sheet(item)
            token = listing["metadata"].get("continue")
            if not token:
                return

    async def remove(self, sheet: Sheet) -> bool:
        """Remove a page unless it has changed since it was seen. Returns whether this did it. Raises ApiUnavailable."""
        options = V1DeleteOptions(
            preconditions=V1Preconditions(uid=sheet.uid, resource_version=sheet.resource_version),
            propagation_policy="Background",
        )
        await self._prove()
        try:
            await guarded(self._api.delete_namespaced_custom_object(*_at(sheet.namespace, sheet.name), body=options))
        except (Conflict, NotFound):
            return False
        return True

    async def _prove(self) -> None:
        if self._mandate is not None:
            await self._mandate.proven()


_IN = (GROUP, VERSION)


def _at(namespace: str, name: str) -> tuple[str, str, str, str, str]:
    return (*_IN, namespace, TASK_REPORT.plural, name)


def _sheet(body: Mapping[str, Any]) -> Sheet:
    metadata = body["metadata"]
    namespace = str(metadata["namespace"])
    return Sheet(
        namespace=namespace,
        name=str(metadata["name"]),
        uid=str(metadata["uid"]),
        resource_version=str(metadata["resourceVersion"]),
        of=_owner(metadata.get("ownerReferences") or (), namespace),
    )


def _owner(references: Any, namespace: str) -> Ref | None:
    for reference in references:
        for kind in KINDS:
            if reference["kind"] == kind.name and reference["apiVersion"].startswith(f"{GROUP}/"):
                return Ref(kind, namespace, reference["name"], reference["uid"])
    return None
