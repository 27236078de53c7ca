"""Pages that no status names: which go, which stay, and how little is asked for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from dragonfly_task_operator.api.kinds import TASK_SEARCH
from dragonfly_task_operator.kube.objects import ApiUnavailable, ObjectGone, Objects, Ref, Snapshot
from dragonfly_task_operator.kube.tidying import REST_SECONDS, SETTLE_SECONDS, Named, Tidier
from tests.unit.report_store import Store
from tests.unit.world import now

pytestmark = pytest.mark.looptime


def ref(name: str) -> Ref:
    return Ref(TASK_SEARCH, "default", name, f"uid-of-{name}")


class Owners(Objects):
    """Objects and the pages that their statuses name; counts how often one is read."""

    def __init__(self) -> None:
        self.naming: dict[str, list[str]] = {}
        self.reads: list[str] = []
        self.fail: Callable[[], None] = lambda: None

    async def get(self, ref: Ref) -> Snapshot:
        self.fail()
        self.reads.append(ref.name)
        if ref.name not in self.naming:
            raise ObjectGone("gone")
        return Snapshot(ref, {"metadata": {}, "status": {"reports": self.naming[ref.name]}})


class Scene:
    def __init__(self) -> None:
        self.store, self.owners, self.named = Store(), Owners(), Named()
        self.busy: set[str] = set()
        self.counted: list[int] = []
        self.tidier = Tidier(
            self.store,
            self.owners,
            self.named,
            is_busy=self.busy.__contains__,
            namespaces=[None],
            count=self.counted.append,
        )

    def has(self, name: str, *pages: str, naming: list[str], known: bool = True) -> None:
        """Let an object be there, with these pages, of which its status names some."""
        self.owners.naming[name] = naming
        if known:
            self.named.note(ref(name).uid, naming)
        for page in pages:
            self.store.put(page, ref(name), {})

    async def left(self) -> list[str]:
        await self.tidier.tidy()
        return sorted(self.store.sheets)


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_pages_that_a_status_names_stay_and_nobody_is_asked(scene: Scene) -> None:
    scene.has("one", "one-a-00", "one-a-01", naming=["one-a-00", "one-a-01"])

    assert await scene.left() == ["one-a-00", "one-a-01"]
    assert scene.owners.reads == []


async def test_pages_of_earlier_runs_go(scene: Scene) -> None:
    scene.has("one", "one-a-00", "one-a-01", "one-b-00", naming=["one-b-00"])

    assert await scene.left() == ["one-b-00"]
    assert scene.owners.reads == ["one"]
    assert scene.counted == [2]


async def test_pages_of_objects_that_are_gone_go(scene: Scene) -> None:
    for page in ("two-a-00", "two-a-01"):
        scene.store.put(page, ref("two"), {})

    assert await scene.left() == []
    assert scene.owners.reads == ["two"]


async def test_what_an_object_says_now_counts_and_not_what_is_remembered(scene: Scene) -> None:
    scene.has("one", "one-a-00", naming=["one-a-00"], known=False)

    assert await scene.left() == ["one-a-00"]


async def test_pages_of_an_object_that_is_worked_at_stay_for_now(scene: Scene) -> None:
    scene.has("one", "one-a-00", naming=[])
    scene.busy.add(ref("one").uid)

    assert await scene.tidier.tidy() is False
    assert sorted(scene.store.sheets) == ["one-a-00"]
    scene.busy.clear()
    assert await scene.left() == []


async def test_pages_that_others_own_stay(scene: Scene) -> None:
    scene.store.put("mine", None, {})

    assert await scene.left() == ["mine"]


async def test_page_that_is_written_over_meanwhile_stays(scene: Scene) -> None:
    scene.has("one", "one-a-00", naming=[])

    def write() -> None:
        scene.store.put("one-a-00", ref("one"), {"page": 0})

    scene.owners.fail = write

    assert await scene.left() == ["one-a-00"]


async def test_owner_that_cannot_be_read_keeps_its_pages(scene: Scene) -> None:
    scene.store.put("one-a-00", ref("one"), {})

    def refuse() -> None:
        raise ApiUnavailable("the API server can't be reached")

    scene.owners.fail = refuse

    assert await scene.left() == ["one-a-00"]


async def test_deletion_of_an_owner_is_looked_after_soon_and_all_of_many_with_one_list(scene: Scene) -> None:
    names = [f"o{n}" for n in range(20)]
    for name in names:
        scene.has(name, f"{name}-a-00", naming=[f"{name}-a-00"])
    tidying = asyncio.get_running_loop().create_task(scene.tidier.tidy_forever(interval=300, is_watching=lambda: True))
    await asyncio.sleep(100)
    before = scene.store.lists

    for name in names:
        del scene.owners.naming[name]
        scene.named.forget(ref(name).uid)
    began = now()
    while scene.store.sheets:  # noqa: ASYNC110 - nothing sets an event
        await asyncio.sleep(0.1)

    assert now() - began < REST_SECONDS + SETTLE_SECONDS + 2
    assert (before, scene.store.lists) == (1, 2)
    tidying.cancel()


async def test_at_rest_there_is_one_look_in_each_interval(scene: Scene) -> None:
    scene.has("one", "one-a-00", naming=["one-a-00"])
    tidying = asyncio.get_running_loop().create_task(
        scene.tidier.tidy_forever(interval=300, is_watching=lambda: now() > 3)
    )
    await asyncio.sleep(1000)

    assert (scene.store.lists, scene.owners.reads) == (4, [])
    tidying.cancel()


async def test_namespace_that_may_not_be_listed_is_told_of_once(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    def refuse(verb: str, name: str) -> None:
        raise ApiUnavailable("the API server answered 403: no")

    scene.store.fail = refuse

    for _ in range(3):
        await scene.tidier.tidy()

    assert [record.message for record in caplog.records] == ["reports.unseen"]
