"""Manifest in, status out: whole objects under tests/data/golden, with what peers and schedulers answered in between.

`answers.yaml` has for each peer what it answers to stats and deletions of a task, in order; the last of each stands.
With `identity`, it answers so only about ids made by that rule, and has nothing else. `image` is what the registry says
of an image: what it is made of, or why that can't be told. To change what a status says, change `status.yaml` first.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from dragonfly_task_operator.api.kinds import KINDS
from dragonfly_task_operator.api.record import NOTHING_KNOWN
from dragonfly_task_operator.api.targets import Target
from dragonfly_task_operator.dragonfly.planning import TargetResolver
from dragonfly_task_operator.engine.composing import compose
from dragonfly_task_operator.engine.identity import TaskID
from dragonfly_task_operator.engine.model import (
    ABSENT,
    Cached,
    Copy,
    Downloading,
    FailedStart,
    Host,
    HostType,
    Image,
    ImagePart,
    Plan,
    Presence,
    TaskMetadata,
)
from dragonfly_task_operator.engine.ports import Troubled
from dragonfly_task_operator.errors import ImageUnresolvable, PeerError, PeerReason
from tests.unit.world import EPOCH, LoopClock, World

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
CASES = sorted(path.name for path in GOLDEN.iterdir())

_COPIES: dict[str, Callable[..., Copy]] = {"Cached": Cached, "Downloading": Downloading, "FailedStart": FailedStart}


class ScriptedWorld(World):
    """Peers and schedulers that answer what a file says."""

    def __init__(self, answers: dict[str, Any]) -> None:
        super().__init__(targets=self, **answers.get("schedulers", {}))
        self._answers: dict[str, dict[str, Any]] = answers["peers"]
        self._identities: dict[TaskID, str] = {}
        self._image: Any = answers.get("image")
        self._metadata: dict[str, dict[str, Any]] = answers.get("metadata", {})
        self._given: defaultdict[tuple[str, TaskID, str], int] = defaultdict(int)
        for name, script in self._answers.items():
            peer = self.peer(name)
            peer.host = dataclasses.replace(peer.host, type=HostType(script.get("type", "normal")))

    async def resolve(self, targets: Sequence[Target], *, namespace: str, troubled: Troubled) -> Plan:
        plan = await TargetResolver(self).resolve(targets, namespace=namespace, troubled=troubled)
        self._identities = {task.id: task.identity for task in plan.tasks}
        return plan

    async def read(self, target: Target, *, namespace: str, troubled: Troubled) -> Image:
        if isinstance(self._image, str):
            raise ImageUnresolvable(self._image)
        parts = tuple(
            ImagePart(**part | {"platforms": tuple(part["platforms"]), "urls": tuple(part["urls"])})
            for part in self._image["parts"]
        )
        return Image(**self._image | {"platforms": tuple(self._image["platforms"]), "parts": parts})

    async def metadata(self, task: TaskID) -> TaskMetadata | None:
        known = self._metadata.get(self._identities[task])
        return None if known is None else TaskMetadata(**known)

    async def look(self, host: Host, task: TaskID) -> Presence:
        if self._answers[host.hostname].get("identity", self._identities[task]) != self._identities[task]:
            return ABSENT
        answer = self._next(host, task, "stat")
        if answer == "Absent":
            return ABSENT
        fields = {"copy": answer} if isinstance(answer, str) else dict(answer)
        return _COPIES[fields.pop("copy")](**fields)

    async def delete(self, host: Host, task: TaskID) -> None:
        assert self._next(host, task, "delete") == "OK"

    def _next(self, host: Host, task: TaskID, call: str) -> Any:
        """Give the next answer; raise PeerError where it is an error."""
        script = self._answers[host.hostname][call]
        answer = script[min(self._given[host.hostname, task, call], len(script) - 1)]
        self._given[host.hostname, task, call] += 1
        if isinstance(answer, dict) and "reason" in answer:
            raise PeerError(PeerReason(answer["reason"]), answer["description"], retryable=answer["retryable"])
        return answer


async def status_for(manifest: dict[str, Any], answers: dict[str, Any]) -> dict[str, Any]:
    kind = next(kind for kind in KINDS if kind.name == manifest["kind"])
    spec = kind.spec.model_validate(manifest["spec"])
    run = ScriptedWorld(answers).run(spec)
    verdict = await run.execute()
    return compose(
        NOTHING_KNOWN,
        run.snapshot()[0],
        verdict,
        spec=spec,
        generation=manifest["metadata"]["generation"],
        started=EPOCH,
        history=(),
        now=LoopClock().now(),
    )


@pytest.mark.looptime
@pytest.mark.parametrize("case", CASES)
async def test_status_is_what_the_golden_file_says(case: str) -> None:
    manifest, answers, expected = (
        yaml.safe_load((GOLDEN / case / f"{part}.yaml").read_text()) for part in ("manifest", "answers", "status")
    )

    assert await status_for(manifest, answers) == expected
