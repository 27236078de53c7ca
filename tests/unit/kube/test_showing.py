"""What the queue learns from lists: what vanished, and which way history goes."""

from __future__ import annotations

from typing import Any

import pytest

from dragonfly_task_operator.api.kinds import TASK_SEARCH, Kind
from dragonfly_task_operator.kube.history import History
from dragonfly_task_operator.kube.reconciler import Reconciler
from dragonfly_task_operator.kube.showing import Showing
from dragonfly_task_operator.kube.watch.scopes import Scope

A, B = Scope(TASK_SEARCH, "a"), Scope(TASK_SEARCH, "b")


class Queue(Reconciler):
    """Knows two objects, and forgets those that vanish."""

    def __init__(self) -> None:
        self.uids = {"one", "two"}
        self.observed: list[str] = []

    def known(self, scope: Scope) -> set[str]:
        return set(self.uids) if scope == A else set()

    def is_news(self, kind: Kind, body: Any) -> bool:
        return bool(body["metadata"]["uid"] not in self.uids)

    def observe(self, kind: Kind, body: Any) -> None:
        self.observed.append(body["metadata"]["uid"])

    def vanish(self, uids: Any) -> None:
        self.uids -= set(uids)


@pytest.fixture
def queue() -> Queue:
    return Queue()


@pytest.fixture
def history() -> History:
    return History()


@pytest.fixture
def showing(queue: Queue, history: History) -> Showing:
    return Showing(queue, history)


def body(uid: str) -> dict[str, Any]:
    return {"metadata": {"uid": uid}}


def test_what_a_list_does_not_show_has_vanished_once_the_list_is_complete(queue: Queue, showing: Showing) -> None:
    showing.begin_list(A)
    for uid in ("one", "three"):
        showing.show_listed(A, body(uid))
    before = set(queue.uids)
    showing.end_list(A, "10")

    assert (before, queue.uids) == ({"one", "two"}, {"one"})


def test_queue_is_given_what_a_list_shows_and_kopf_what_a_watch_brings(queue: Queue, showing: Showing) -> None:
    showing.begin_list(A)
    for uid in ("one", "three", "two", "four"):
        showing.show_listed(A, body(uid))
    showing.end_list(A, "10")
    watched = [showing.show(A, body(uid)) for uid in ("one", "five")]

    assert (queue.observed, watched) == (["three", "four"], [False, True])


def test_list_that_began_before_history_went_back_is_of_no_use(
    queue: Queue, showing: Showing, history: History
) -> None:
    showing.begin_list(A)
    history.era += 1
    showing.show_listed(A, body("three"))

    assert queue.observed == []


def test_list_that_begins_again_forgets_the_one_that_broke_off(queue: Queue, showing: Showing) -> None:
    showing.begin_list(A)
    showing.begin_list(A)
    for uid in ("one", "two"):
        showing.show_listed(A, body(uid))
    showing.end_list(A, "10")

    assert queue.uids == {"one", "two"}


def test_list_that_is_older_than_what_was_seen_before_it_began_tells_that_history_went_back(
    showing: Showing, history: History
) -> None:
    showing.saw_version(A, "100")
    showing.begin_list(A)
    showing.end_list(A, "99")

    assert history.era == 1


def test_what_another_namespace_shows_meanwhile_does_not_make_a_list_old(showing: Showing, history: History) -> None:
    showing.begin_list(A)
    showing.saw_version(B, "100")
    showing.end_list(A, "99")

    assert history.era == 0
