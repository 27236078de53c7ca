"""Who asked for a run, as far as the object tells: of programs, and of a person only where a policy stamps them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dragonfly_task_operator.api import loose
from dragonfly_task_operator.api.audit import AskedBy, AuditedObject, Writer
from dragonfly_task_operator.kube.objects import Snapshot
from dragonfly_task_operator.observability.redaction import cut

REQUESTED_BY = "tasks.d7y.io/requested-by"
"""The annotation that `deploy/policies/requested-by.yaml` stamps."""

MAX_WRITERS = 10
MAX_WORD = 256
"""Characters."""


def asked_by(snapshot: Snapshot) -> AskedBy:
    """Tell who has asked for what an object says now."""
    metadata = loose.mapping(snapshot.body.get("metadata"))
    stamped = loose.word(loose.mapping(metadata.get("annotations")).get(REQUESTED_BY))
    writers = sorted(_writers(metadata), key=lambda writer: writer.time, reverse=True)
    return AskedBy(
        requested_by=cut(stamped, MAX_WORD) if stamped else None,
        writers=writers[:MAX_WRITERS] or None,
    )


def _writers(metadata: Mapping[str, object]) -> Iterator[Writer]:
    for each in loose.mappings(metadata.get("managedFields")):
        if "f:spec" in loose.mapping(each.get("fieldsV1")):
            manager, operation, time = (loose.word(each.get(name)) or "" for name in ("manager", "operation", "time"))
            yield Writer(manager=cut(manager, MAX_WORD), operation=operation, time=time)


def audited(snapshot: Snapshot) -> AuditedObject:
    """Name the object of a snapshot."""
    ref = snapshot.ref
    return AuditedObject(
        kind=ref.kind.name, namespace=ref.namespace, name=ref.name, uid=ref.uid, generation=snapshot.generation
    )
