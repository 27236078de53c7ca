"""Pages in the API server: none says that all are there before they are, and whose they are is looked at first."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from kubernetes.aio.client import ApiException

from dragonfly_task_operator.api.kinds import TASK_DELETION, TASK_SEARCH
from dragonfly_task_operator.engine import pages
from dragonfly_task_operator.engine.pages import Pages
from dragonfly_task_operator.kube.objects import (
    ApiUnavailable,
    Forbidden,
    NotFound,
    ObjectGone,
    Objects,
    Ref,
    Snapshot,
    TooLarge,
    WriteRefused,
)
from dragonfly_task_operator.kube.paging import PATIENCE_SECONDS, Press, ReportLost, Written
from dragonfly_task_operator.kube.tidying import Named
from tests.unit.engine.test_pages import HOLDS, alike, pages_of, peers, tasks
from tests.unit.report_store import Store
from tests.unit.world import now

pytestmark = pytest.mark.looptime

REF = Ref(TASK_DELETION, "default", "purge", "0123abcd-0000")
KEY = "3f9c0d1e" * 2
NAMES = [f"purge-3f9c0d1e-{page:02}" for page in range(3)]


class Owners(Objects):
    """Objects that are there, by uid."""

    def __init__(self) -> None:
        self.there = {REF.uid}

    async def get(self, ref: Ref) -> Snapshot:
        if ref.uid not in self.there:
            raise ObjectGone("gone")
        return Snapshot(ref, {"metadata": {}})


class Killed(BaseException):
    """The operator is, at this very moment."""


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def owners() -> Owners:
    return Owners()


@pytest.fixture(autouse=True)
def pages_of_ten_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MAX_ROWS", 10)


Print = Callable[..., Awaitable[Written]]


@pytest.fixture
def write(store: Store, owners: Owners) -> Print:
    """Write pages of so many peers."""

    async def written(number: int = 25, ref: Ref = REF, *, earlier: int = 0) -> Written:
        async def lay_out() -> Pages:
            return await pages_of(alike(peers(number), tasks(1), HOLDS))

        press = Press(store, owners, Named())
        return await press.write(ref, lay_out, run_key=KEY, run_id="one", earlier=earlier, check=lambda: None)

    return written


def sets(store: Store) -> list[tuple[int, int, bool]]:
    return [(page.page, page.pages, page.complete) for page in store.pages().values()]


async def test_pages_are_named_by_object_key_and_number_and_owned_by_the_object(store: Store, write: Print) -> None:
    assert await write() == Written(NAMES, 0)

    assert {sheet.of for sheet in store.sheets.values()} == {REF}
    assert [(name, page.page, page.pages, page.complete, page.rows) for name, page in store.pages().items()] == [
        (NAMES[0], 0, 3, True, 10),
        (NAMES[1], 1, 3, True, 10),
        (NAMES[2], 2, 3, True, 5),
    ]
    page = store.pages()[NAMES[1]]
    assert (page.of.kind, page.of.name, page.of.uid) == ("TaskDeletion", "purge", REF.uid)
    assert (page.run_key, page.run_id, page.peers[0].hostname) == (KEY, "one", "n00010")


async def test_nothing_to_tell_is_no_page(store: Store, write: Print) -> None:
    assert await write(0) == Written([], 0)
    assert store.sheets == {}


def claims_wrongly(store: Store) -> bool:
    """Whether any page says that all are there while they are not."""
    there = list(store.pages().values())
    return any(
        page.complete and {other.page for other in there if other.pages == page.pages} != set(range(page.pages))
        for page in there
    )


class Executioner:
    """Looks at the pages after each write, and kills the operator after so many."""

    def __init__(self, store: Store, writes: float) -> None:
        self._store, self._left = store, writes
        store.after = self.saw

    def saw(self, verb: str, name: str) -> None:
        assert not claims_wrongly(self._store), (verb, name)
        told = {page.run_id for page in self._store.pages().values() if page.complete}
        assert len(told) <= 1, (verb, name, told)
        self._left -= 1
        if self._left <= 0:
            raise Killed


@pytest.mark.parametrize("before", [0, 5, 25, 35])
@pytest.mark.parametrize("number", [5, 25])
async def test_killed_at_any_write_no_page_says_wrongly_that_all_are_there(
    store: Store, write: Print, before: int, number: int
) -> None:
    """Whatever a run of the same key had left; and who comes after makes it whole."""
    for writes in range(1, 30):
        store.clear()
        earlier = (await write(before)).names
        for name in earlier:
            store.bodies[name]["runID"] = "before"
        Executioner(store, writes)
        try:
            await write(number, earlier=len(earlier))
        except Killed:
            Executioner(store, math.inf)
            written = await write(number, earlier=len(earlier))
            told = [store.pages()[name] for name in written.names]
            assert {(page.complete, page.run_id) for page in told} == {(True, "one")}
        else:
            assert writes > len(earlier) * (number > 5)
            return
    pytest.fail("it never came to its end")


async def test_run_of_the_same_key_writes_over_its_own_pages(store: Store, write: Print) -> None:
    first = await write(25)
    uids = {name: sheet.uid for name, sheet in store.sheets.items()}

    second = await write(21, earlier=3)

    assert second == first
    assert {name: sheet.uid for name, sheet in store.sheets.items()} == uids
    assert [page.rows for page in store.pages().values()] == [10, 10, 1]


async def test_single_page_is_written_over_without_a_list(store: Store, write: Print) -> None:
    await write(5)
    await write(6, earlier=1)

    assert (store.lists, [page.rows for page in store.pages().values()]) == (0, [6])


async def test_name_that_another_object_has_is_left_to_it(store: Store, owners: Owners, write: Print) -> None:
    other = Ref(TASK_SEARCH, "default", "purge", "other")
    owners.there.add(other.uid)
    store.put(NAMES[0], other, {"page": 0})

    written = await write(15)

    assert written.names == ["purge-0123abcd-3f9c0d1e-00", "purge-0123abcd-3f9c0d1e-01"]
    assert (store.sheets[NAMES[0]].of, store.bodies[NAMES[0]]) == (other, {"page": 0})
    assert [store.bodies[name]["complete"] for name in written.names] == [True, True]


async def test_page_that_nobody_owns_is_left_alone(store: Store, write: Print) -> None:
    store.put(NAMES[0], None, {"mine": True})

    assert (await write(5)).names == ["purge-0123abcd-3f9c0d1e-00"]
    assert store.bodies[NAMES[0]] == {"mine": True}


async def test_page_of_an_object_that_is_gone_makes_room(store: Store, write: Print) -> None:
    gone = Ref(TASK_DELETION, "default", "purge", "of-yesterday")
    store.put(NAMES[0], gone, {"page": 0})

    assert (await write(5)).names == NAMES[:1]
    assert store.sheets[NAMES[0]].of == REF


@pytest.mark.parametrize("name", ["n" * 253, "n" * 240 + "." + "m" * 12, "n" * 239 + "--" + "m" * 12])
async def test_long_names_are_cut_so_that_those_of_pages_are_names(store: Store, write: Print, name: str) -> None:
    ref = Ref(TASK_DELETION, "default", name, REF.uid)

    (page,) = (await write(5, ref)).names

    assert len(page) <= 253
    assert page.endswith("-3f9c0d1e-00")
    assert name.startswith(page.removesuffix("-3f9c0d1e-00"))
    assert "--" not in page
    assert ".-" not in page


FOR_GOOD = [
    Forbidden("the API server answered 403: exceeded quota"),
    TooLarge("the API server answered 413: too large"),
    WriteRefused("the API server answered 422: no"),
    NotFound(ApiException(status=404, reason="Not Found")),
]


@pytest.mark.parametrize("error", FOR_GOOD, ids=lambda error: type(error).__name__)
async def test_page_that_is_refused_ends_the_writing_at_once(store: Store, write: Print, error: Exception) -> None:
    def refuse(verb: str, name: str) -> None:
        if name == NAMES[1]:
            raise error

    store.fail = refuse

    with pytest.raises(ReportLost, match=str(error)):
        await write()

    assert now() < 1
    assert [page.complete for page in store.pages().values()] == [False]


async def test_api_server_that_is_busy_is_waited_for_as_long_as_it_asks(store: Store, write: Print) -> None:
    waits = iter([7.0, 3.0])

    def refuse(verb: str, name: str) -> None:
        if (wait := next(waits, None)) is not None:
            raise ApiUnavailable("the API server can't be reached: it answered 429", retry_after=wait)

    store.fail = refuse

    assert (await write()).names == NAMES
    assert 10 <= now() < 12


async def test_api_server_that_stays_away_is_given_up(store: Store, write: Print) -> None:
    def refuse(verb: str, name: str) -> None:
        raise ApiUnavailable("the API server can't be reached: refused")

    store.fail = refuse

    with pytest.raises(ReportLost, match="refused"):
        await write()

    assert PATIENCE_SECONDS - 6 < now() <= PATIENCE_SECONDS


async def test_answer_that_is_lost_writes_nothing_twice(store: Store, write: Print) -> None:
    lost = {"create": 0, "change": 0}

    def lose(verb: str, name: str) -> None:
        if lost[verb] == 0:
            lost[verb] = 1
            raise ApiUnavailable("the API server can't be reached: no answer")

    store.after = lose

    assert (await write()).names == NAMES
    assert sets(store) == [(0, 3, True), (1, 3, True), (2, 3, True)]


async def test_what_ends_the_run_meanwhile_ends_the_writing(store: Store, owners: Owners) -> None:
    class Edited(Exception):
        pass

    checks: list[Any] = []

    def check() -> None:
        checks.append(1)
        if len(checks) == 2:
            raise Edited

    async def lay_out() -> Pages:
        return await pages_of(alike(peers(25), tasks(1), HOLDS))

    with pytest.raises(Edited):
        await Press(store, owners, Named()).write(REF, lay_out, run_key=KEY, run_id=None, earlier=0, check=check)

    assert sets(store) == [(2, 3, False)]
