"""Which way versions go, and what is kept of runs for when they go back."""

from __future__ import annotations

import pytest

from dragonfly_task_operator.kube import ended
from dragonfly_task_operator.kube.ended import Ended
from dragonfly_task_operator.kube.history import History


@pytest.mark.parametrize(
    ("seen", "now", "era"),
    [
        ("100", "99", 1),
        ("100", "100", 0),
        ("100", "101", 0),
        ("100", "0", 0),
        ("100", "", 0),
        ("100", "opaque", 0),
        ("99", "100", 0),  # as numbers, not as words
        ("18446744073709551615", "1", 1),
    ],
)
def test_history_went_back_when_a_version_is_lower_than_one_seen_before_it_was_asked_for(
    seen: str, now: str, era: int
) -> None:
    history = History()
    history.saw("tasksearches", seen)

    history.compare("tasksearches", now, before=history.seen("tasksearches"), era=0)

    assert history.era == era


def test_what_was_seen_while_the_answer_was_under_way_proves_nothing() -> None:
    history = History()
    before = history.seen("tasksearches")
    history.saw("tasksearches", "100")

    history.compare("tasksearches", "50", before=before, era=0)

    assert history.era == 0


def test_same_step_back_is_noticed_once() -> None:
    history = History()
    history.saw("tasksearches", "100")
    for _ in range(2):
        history.compare("tasksearches", "50", before=100, era=0)

    history.compare("tasksearches", "60", before=history.seen("tasksearches"), era=1)

    assert (history.era, history.seen("tasksearches")) == (1, 50)


def test_ends_of_runs_are_kept_for_another_era_and_another_key_has_none() -> None:
    ends = Ended()
    ends.put("a", "key", era=0, status={"reason": "Deleted"})

    found = [ends.lost("a", "key", era=0), ends.lost("a", "other", era=1), ends.lost("b", "key", era=1)]

    assert (found, ends.lost("a", "key", era=1)) == ([None, None, None], {"reason": "Deleted"})
    ends.remove("a")
    assert ends.lost("a", "key", era=1) is None


def test_every_run_of_an_object_that_was_edited_since_the_backup_is_kept() -> None:
    ends = Ended()
    for key in ("one", "two", "three"):
        ends.put("a", key, era=0, status={"runKey": key})

    assert [(ends.lost("a", key, era=1) or {})["runKey"] for key in ("one", "two", "three")] == ["one", "two", "three"]


def test_work_that_is_asked_for_again_in_a_later_era_is_done() -> None:
    ends = Ended()
    ends.put("a", "one", era=0, status={"runKey": "one"})
    ends.put("a", "two", era=1, status={"runKey": "two"})

    assert (ends.lost("a", "one", era=1), ends.lost("a", "two", era=1)) == (None, None)


def test_no_more_runs_of_an_object_are_kept_than_its_history_has() -> None:
    ends = Ended()
    for key in range(12):
        ends.put("a", str(key), era=0, status={"runKey": str(key)})

    assert [key for key in range(12) if ends.lost("a", str(key), era=1)] == list(range(2, 12))


def test_oldest_ends_are_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ended, "MAX_BYTES", 100)
    ends = Ended()

    for uid in range(10):
        ends.put(str(uid), "key", era=0, status={"reason": "Deleted"})

    kept = [uid for uid in range(10) if ends.lost(str(uid), "key", era=1)]
    assert kept == list(range(10 - len(kept), 10))
    assert 1 <= len(kept) < 10
