"""Whether a kind is watched, by what is seen on the wire and an injected clock."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dragonfly_task_operator.api.kinds import TASK_DELETION, TASK_SEARCH
from dragonfly_task_operator.kube.watch.scopes import Scope, scopes_of
from dragonfly_task_operator.kube.watch.sights import (
    GRACE_SECONDS,
    LATE_SECONDS,
    SETTLED_SECONDS,
    WATCH_SECONDS,
    Sight,
    Sights,
)


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sight(clock: Clock) -> Sight:
    return Sight(Scope(TASK_SEARCH, None), clock)


def test_scopes_are_every_kind_in_every_namespace_once() -> None:
    assert [str(scope) for scope in scopes_of(["a", "b", "a"])] == [
        "tasksearches in namespace a",
        "taskdeletions in namespace a",
        "tasksearches in namespace b",
        "taskdeletions in namespace b",
    ]
    assert [scope.path for scope in scopes_of([])] == [
        "/apis/tasks.d7y.io/v1alpha1/tasksearches",
        "/apis/tasks.d7y.io/v1alpha1/taskdeletions",
    ]


def test_kind_is_not_watched_before_a_watch_was_answered(sight: Sight) -> None:
    before = sight.complaint()
    sight.listing()
    between = sight.complaint()
    sight.opened()

    assert (before, between, sight.complaint()) == (
        "tasksearches: not watched yet",
        "tasksearches: not watched yet",
        None,
    )


def test_each_scope_complains_for_itself(clock: Clock) -> None:
    sights = Sights([Scope(TASK_SEARCH, "a"), Scope(TASK_DELETION, "b")], clock=clock)
    sights.all[0].opened()

    assert sights.complaints() == "taskdeletions in namespace b: not watched yet"


@pytest.mark.parametrize(
    ("path", "is_at"),
    [
        ("/apis/tasks.d7y.io/v1alpha1/namespaces/b/taskdeletions", True),
        ("/k8s/clusters/c-1/apis/tasks.d7y.io/v1alpha1/namespaces/b/taskdeletions", True),
        ("/apis/tasks.d7y.io/v1alpha1/namespaces/a/taskdeletions", False),
        ("/apis/tasks.d7y.io/v1alpha1/taskdeletions", False),
        ("/apis/tasks.d7y.io/v1alpha1", False),
        ("/apis", False),
        ("/api", False),
    ],
)
def test_scope_is_known_by_the_path_of_its_list(path: str, is_at: bool) -> None:
    assert Sights([Scope(TASK_DELETION, "b")]).all[0].is_at(path) is is_at


def test_watches_that_end_and_begin_anew_are_well(sight: Sight, clock: Clock) -> None:
    for _ in range(100):
        sight.opened()
        clock.time += WATCH_SECONDS
        sight.ended()
        clock.time += GRACE_SECONDS / 2
        assert sight.complaint() is None
    sight.opened()
    assert sight.is_watched


def dies_without_a_word(sight: Sight) -> None:
    del sight


def ends_and_is_not_opened_again(sight: Sight) -> None:
    sight.ended()


def fails(sight: Sight) -> None:
    sight.failed("the port is closed")


@pytest.mark.parametrize("trouble", [dies_without_a_word, ends_and_is_not_opened_again, fails])
def test_kind_that_is_no_longer_watched_is_told_within_15_seconds(
    sight: Sight, clock: Clock, trouble: Callable[[Sight], None]
) -> None:
    sight.opened()
    clock.time += 2
    sight.heard()

    trouble(sight)
    clock.time += 14.5

    assert "tasksearches: not watched for" in str(sight.complaint())


def test_complaint_says_what_went_wrong_last(sight: Sight, clock: Clock) -> None:
    sight.opened()
    sight.failed("the watch brought an error: 500 etcdserver: no leader")
    clock.time += 10

    assert (
        sight.complaint() == "tasksearches: not watched for 10 s: the watch brought an error: 500 etcdserver: no leader"
    )


def test_watch_that_is_answered_and_then_fails_each_time_is_none(sight: Sight, clock: Clock) -> None:
    sight.opened()
    for _ in range(20):
        sight.failed("ERROR")
        clock.time += 1
        sight.listing()
        sight.opened()
        assert not sight.is_watched
    assert sight.blind_seconds == 20


def test_watch_that_is_answered_and_ends_at_once_each_time_is_none(sight: Sight, clock: Clock) -> None:
    for _ in range(20):
        sight.opened()
        clock.time += 0.1
        sight.ended()
        clock.time += 1

    assert "ends each watch at once" in str(sight.complaint())


def test_watch_after_trouble_is_good_when_it_lasts_or_brings_something(sight: Sight, clock: Clock) -> None:
    sight.failed("ERROR")
    sight.opened()
    at_once = sight.is_watched
    sight.heard()
    by_something = sight.is_watched
    sight.failed("ERROR")
    sight.opened()
    clock.time += SETTLED_SECONDS

    assert (at_once, by_something, sight.is_watched) == (False, True, True)


def test_trouble_that_was_made_good_is_forgotten(sight: Sight, clock: Clock) -> None:
    sight.failed("an old story", refused=True)
    sight.opened()
    sight.heard()
    clock.time += LATE_SECONDS + 10

    assert (sight.is_refused, "an old story" in str(sight.complaint())) == (False, False)


def test_list_goes_on_as_long_as_objects_come(sight: Sight, clock: Clock) -> None:
    for _ in range(30):
        sight.listing()
        clock.time += 5
    going = sight.is_listing
    clock.time += 6

    assert (going, sight.is_listing) == (True, False)


def test_age_is_from_the_last_sign_that_events_come(sight: Sight, clock: Clock) -> None:
    sight.opened()
    clock.time += 5
    quiet = sight.age
    sight.heard()
    after_news = sight.age
    clock.time += 3
    sight.ended()
    between = sight.age
    sight.opened()

    assert (quiet, after_news, between, sight.age) == (5, 0, 3, 0)


def test_age_goes_on_while_each_watch_is_ended_at_once(sight: Sight, clock: Clock) -> None:
    sight.opened()
    for _ in range(20):
        clock.time += 0.5
        sight.failed("the API server ends each watch at once")
        clock.time += 0.5
        sight.opened()

    assert sight.age == pytest.approx(19.5)


def test_age_of_a_kind_is_that_of_its_oldest_sight(clock: Clock) -> None:
    sights = Sights(scopes_of(["a", "b"]), clock=clock)
    for sight in sights.all:
        sight.opened()
    clock.time += 4
    sights.all[0].heard()

    assert sights.ages() == {"TaskSearch": 4, "TaskDeletion": 4}
