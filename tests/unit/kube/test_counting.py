"""What is counted of whole runs: peers as their statuses have them, pages written, and runs whose pages were not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dragonfly_task_operator.api.kinds import TASK_DELETION, TASK_SEARCH, Kind
from dragonfly_task_operator.errors import PeerReason
from dragonfly_task_operator.kube.history import History
from dragonfly_task_operator.kube.objects import Forbidden
from dragonfly_task_operator.kube.paging import Press
from dragonfly_task_operator.kube.reconciler import Reconciler
from dragonfly_task_operator.kube.tidying import Named
from dragonfly_task_operator.observability.metrics import PREFIX, Metrics
from tests.unit.kube.test_reconciler import ApiServer, Silent
from tests.unit.report_store import Store
from tests.unit.world import TASK, World

pytestmark = pytest.mark.looptime

MANY = 50
"""More peers than a status lists."""


class Scene:
    """Peers that all have the task, and an API server that takes pages, or does not."""

    def __init__(self) -> None:
        self.world, self.api, self.store, self.metrics = World(), ApiServer(), Store(), Metrics()
        for number in range(MANY):
            self.world.peer(f"n{number}").caches(TASK)

    async def runs(self, kind: Kind, **spec: Any) -> dict[str, Any]:
        """Run an object to its end, and give its status."""
        reconciler = Reconciler(
            means=self.world.means(),
            objects=self.api,
            recorder=Silent(),
            metrics=self.metrics,
            history=History(),
            press=Press(self.store, self.api, Named()),
        )
        reconciler.observe(kind, self.api.put(kind=kind, **spec))
        await asyncio.sleep(600)
        await reconciler.aclose(may_write=False)
        status: dict[str, Any] = self.api.bodies["one"]["status"]
        return status

    def counted(self, name: str, **labels: str) -> float | None:
        return self.metrics._registry.get_sample_value(f"{PREFIX}_{name}", labels)


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_pages_of_a_run_are_counted(scene: Scene) -> None:
    status = await scene.runs(TASK_SEARCH)

    assert scene.counted("report_pages_total", outcome="written") == len(status["reports"]) == 1
    assert scene.counted("reports_lost_total") == 0


async def test_run_whose_pages_could_not_be_written_is_counted_once(scene: Scene) -> None:
    def fail(verb: str, name: str) -> None:
        raise Forbidden("taskreports is forbidden")

    scene.store.fail = fail

    status = await scene.runs(TASK_SEARCH)

    assert "reports" not in status
    assert scene.counted("reports_lost_total") == 1
    assert scene.counted("report_pages_total", outcome="written") == 0


async def test_peers_are_counted_as_the_status_has_them(scene: Scene) -> None:
    scene.world.peer("n1").fails("stat")
    scene.world.peer("n2").fails("delete", PeerReason.PERMISSION_DENIED, "no", retryable=False)
    scene.world.peer("empty")

    status = await scene.runs(TASK_DELETION, backoffLimit=0)

    peers = status["peers"]
    of = {"kind": "TaskDeletion", "reason": ""}
    assert peers == {
        "total": MANY + 1,
        "caching": MANY - 1,
        "deleted": scene.counted("peers_total", outcome="deleted", **of),
        "alreadyAbsent": scene.counted("peers_total", outcome="absent", **of),
        "failed": scene.counted("peers_total", **of | {"outcome": "failed", "reason": "PermissionDenied"}),
        "unreachable": scene.counted("peers_total", **of | {"outcome": "unreachable", "reason": "Unreachable"}),
    }
    assert (peers["deleted"], peers["failed"], peers["unreachable"]) == (MANY - 2, 1, 1)
