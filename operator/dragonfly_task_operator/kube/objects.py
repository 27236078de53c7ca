"""Reading and writing custom objects through the API server."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from kubernetes.aio.client import ApiClient, ApiException, CustomObjectsApi, V1DeleteOptions, V1Preconditions

from dragonfly_task_operator.api.base import GROUP, VERSION
from dragonfly_task_operator.api.kinds import Kind
from dragonfly_task_operator.api.reading import read_spec
from dragonfly_task_operator.api.record import Record
from dragonfly_task_operator.api.specs import Spec
from dragonfly_task_operator.engine.ports import Mandate
from dragonfly_task_operator.errors import OperatorError
from dragonfly_task_operator.kube.answers import is_no_more, message_of
from dragonfly_task_operator.kube.connection import Busy
from dragonfly_task_operator.kube.history import Age, History, number
from dragonfly_task_operator.kube.looking_up import NO_ANSWER, unreachable
from dragonfly_task_operator.observability.logs import fields
from dragonfly_task_operator.observability.metrics import Metrics

log = logging.getLogger(__name__)

Body = Mapping[str, Any]

METADATA_LIST = {"Accept": "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"}
"""Headers of a request for a list without bodies."""
METADATA_ONLY = {"Accept": "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"}
"""The same of one object."""
_PAGE = 500


class ApiUnavailable(OperatorError):
    """The API server can't be reached, or can't serve just now. Try again later.

    Args:
        message: for a person.
        retry_after: seconds that the API server asks to be left alone for.
    """

    def __init__(self, message: str, *, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class WriteRefused(Exception):
    """The API server takes no such object, now or later: a defect of the operator, or CRDs older than it."""


class TooLarge(OperatorError):
    """The object would be larger with this status than the API server stores."""


class ObjectGone(OperatorError):
    """The object, with this uid, is no more."""


class Conflict(OperatorError):
    """Somebody has written the object since it was read, or made one of its name."""


class Forbidden(ApiUnavailable):
    """The API server does not allow it: rights are missing, or a quota is used up."""


class NotFound(ApiUnavailable):
    """The API server says that there is no such thing; `answer` tells which. By itself it is not to be believed."""

    def __init__(self, answer: ApiException) -> None:
        super().__init__(f"the API server answered 404: {message_of(answer)}")
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Ref:
    """Which object: its kind and name, and the uid that tells it from a later one of the same name."""

    kind: Kind
    namespace: str
    name: str
    uid: str

    def __str__(self) -> str:
        return f"{self.kind.name} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An object as it was at one resourceVersion."""

    ref: Ref
    body: Body
    era: int = 0

    @property
    def age(self) -> Age:
        """What tells which of two snapshots of an object is the newer."""
        return self.era, number(self.resource_version)

    @property
    def resource_version(self) -> str:
        """The version that was seen."""
        return str(self.body["metadata"]["resourceVersion"])

    @property
    def generation(self) -> int:
        """The generation of the spec."""
        return int(self.body["metadata"]["generation"])

    def spec(self) -> Spec:
        """Read the spec. Raises UnreadableSpec."""
        return read_spec(self.ref.kind.spec, self.body.get("spec", {}))

    def record(self) -> Record:
        """Tell what the status says, as far as it can be read."""
        return Record.of(self.body)


class Objects:
    """The custom objects of this operator's kinds.

    Args:
        client: with the operator's rights.
        metrics: where writes are counted.
        mandate: proved before each write; None where there is only one operator.
        history: told when an object turns out to be older than it was.
    """

    def __init__(
        self, client: ApiClient, *, metrics: Metrics, history: History, mandate: Mandate | None = None
    ) -> None:
        self._api = CustomObjectsApi(client)
        self._history = history
        self._metrics = metrics
        self._mandate = mandate
        self._is_strict = True

    async def get(self, ref: Ref) -> Snapshot:
        """Read an object anew. Raises ObjectGone, ApiUnavailable."""
        try:
            return await self._look(ref)
        except NotFound:
            return await self._look_again(ref)

    async def write_status(self, snapshot: Snapshot, render: Callable[[Snapshot], Body]) -> Snapshot:
        """Write a whole status, whatever else is written at the same time.

        Args:
            snapshot: the object as far as it is known.
            render: makes the status for an object; called again with a fresher one when `snapshot` is out of date. It
                may raise to give up.

        Returns:
            the object with its new status.

        Raises:
            ObjectGone, ApiUnavailable, TooLarge, WriteRefused.
        """
        while True:
            await self._prove()
            era = self._history.era
            patch = {
                # Without it, a status could land on an object of the same name made since: a uid is not checked.
                "metadata": {"resourceVersion": snapshot.resource_version},
                "status": _merge_patch(snapshot.record().raw, render(snapshot)),
            }
            ref = snapshot.ref
            try:
                body = await guarded(
                    self._api.patch_namespaced_custom_object_status(
                        GROUP,
                        VERSION,
                        ref.namespace,
                        ref.kind.plural,
                        ref.name,
                        patch,
                        field_validation="Strict" if self._is_strict else "Ignore",
                        _content_type="application/merge-patch+json",
                    )
                )
            except Conflict:
                self._metrics.status_write_ended("conflict")
                snapshot = await self._read_again(snapshot)
            except NotFound as error:
                self._metrics.status_write_ended("failed")
                await self._look_again(ref)
                raise ApiUnavailable(f"the API server can't find {ref} to write it, and finds it: {error}") from None
            except WriteRefused as error:
                self._metrics.status_write_ended("failed")
                if not self._is_strict or _UNKNOWN_FIELD not in str(error):
                    raise
                # A status without its newest fields is better than none.
                self._is_strict = False
                log.warning("crds.old", extra=fields(error=str(error)[-300:], mend="apply the CRDs of this version"))
            except OperatorError:
                self._metrics.status_write_ended("failed")
                raise
            else:
                self._metrics.status_write_ended("written")
                return _same_object(ref, body, era)

    async def _read_again(self, seen: Snapshot) -> Snapshot:
        fresh = await self.get(seen.ref)
        if fresh.age == seen.age:  # whoever says otherwise may go on saying so
            raise ApiUnavailable(f"the API server was told to write {seen.ref} as it is, and says that it has changed")
        if fresh.era == seen.era and fresh.age < seen.age:
            name = seen.ref.kind.plural
            before = number(seen.resource_version)
            self._history.compare(name, fresh.resource_version, before=before, era=seen.era)
            return replace(fresh, era=self._history.era)
        return fresh

    async def delete(self, snapshot: Snapshot) -> None:
        """Delete an object unless it has changed since it was seen. Raises ObjectGone, ApiUnavailable."""
        ref = snapshot.ref
        preconditions = V1Preconditions(uid=ref.uid, resource_version=snapshot.resource_version)
        await self._prove()
        try:
            await guarded(
                self._api.delete_namespaced_custom_object(
                    GROUP,
                    VERSION,
                    ref.namespace,
                    ref.kind.plural,
                    ref.name,
                    body=V1DeleteOptions(preconditions=preconditions, propagation_policy="Background"),
                )
            )
        except Conflict:
            return
        except NotFound:
            await self._look_again(ref)

    async def uids(self, kind: Kind, namespace: str | None) -> AsyncIterator[str]:
        """List the uids of a kind's objects, in pages, without their bodies. Raises ApiUnavailable."""
        token: str | None = None
        while True:
            listing = await self._list(kind, namespace, limit=_PAGE, _continue=token, _headers=METADATA_LIST)
            for item in listing["items"] or ():  # null where there are none, in this form
                yield item["metadata"]["uid"]
            token = listing["metadata"].get("continue")
            if not token:
                return

    async def version(self, kind: Kind, namespace: str | None) -> str:
        """Tell the resourceVersion that the API server is at. Raises ApiUnavailable."""
        listing = await self._list(kind, namespace, limit=1, _headers=METADATA_LIST)
        return str(listing["metadata"]["resourceVersion"])

    async def _list(self, kind: Kind, namespace: str | None, **how: Any) -> Any:
        if namespace:
            return await guarded(self._api.list_namespaced_custom_object(GROUP, VERSION, namespace, kind.plural, **how))
        return await guarded(self._api.list_cluster_custom_object(GROUP, VERSION, kind.plural, **how))

    async def _look(self, ref: Ref) -> Snapshot:
        era = self._history.era
        body = await guarded(
            self._api.get_namespaced_custom_object(GROUP, VERSION, ref.namespace, ref.kind.plural, ref.name)
        )
        return _same_object(ref, body, era)

    async def _look_again(self, ref: Ref) -> Snapshot:
        """Look for an object that was not found: one 404 proves nothing. Raises ObjectGone, ApiUnavailable."""
        try:
            return await self._look(ref)
        except NotFound as error:
            if not is_no_more(error.answer, name=ref.name, plural=ref.kind.plural, group=GROUP):
                raise ApiUnavailable(f"the API server was asked for {ref} and can't find another: {error}") from None
            raise ObjectGone("the object is gone") from None

    async def _prove(self) -> None:
        if self._mandate is not None:
            await self._mandate.proven()


async def guarded(request: Awaitable[Any]) -> Any:
    """Make a request, and map what goes wrong.

    Raises:
        Conflict, NotFound, Forbidden, ApiUnavailable, TooLarge, WriteRefused.
    """
    try:
        return await request
    except ApiException as error:
        raise _mapped(error) from None
    except Busy as error:
        raise ApiUnavailable(unreachable(error), retry_after=error.retry_after) from None
    except NO_ANSWER as error:
        raise ApiUnavailable(unreachable(error)) from None


_REFUSALS = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})
_TOO_LARGE = ("etcdserver: request is too large", "trying to send message larger than max")
"""What etcd says, and the API server's client of etcd, passed on with status 500."""
_UNKNOWN_FIELD = "unknown field"
"""In what the API server says of a field that its CRDs do not have."""


def _mapped(error: ApiException) -> Exception:
    if error.status == HTTPStatus.NOT_FOUND:
        return NotFound(error)
    if error.status == HTTPStatus.FORBIDDEN:
        return Forbidden(f"the API server answered 403: {message_of(error)}")
    if error.status == HTTPStatus.CONFLICT:
        return Conflict("the object has changed")
    if _is_too_large(error):
        return TooLarge(f"the API server answered {error.status}: {message_of(error)}")
    if error.status in _REFUSALS:
        return WriteRefused(f"the API server answered {error.status}: {message_of(error)}")
    return ApiUnavailable(f"the API server answered {error.status}: {message_of(error)}")


def _is_too_large(error: ApiException) -> bool:
    if error.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return any(words in message_of(error) for words in _TOO_LARGE)
    return bool(error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


def _merge_patch(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Make the merge patch that turns `before` into `after`: what it does not name stays, so what is gone is null."""
    patch: dict[str, Any] = dict.fromkeys(before.keys() - after.keys())
    for name, value in after.items():
        old = before.get(name)
        if value != old:
            patch[name] = _merge_patch(old, value) if isinstance(value, dict) and isinstance(old, dict) else value
    return patch


def _same_object(ref: Ref, body: Body, era: int) -> Snapshot:
    if body["metadata"]["uid"] != ref.uid:
        raise ObjectGone("another object has the name now")
    return Snapshot(ref, body, era)
