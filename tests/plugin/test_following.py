"""Following a run, as the watch shows it: when it has ended, when it is gone, and when nobody takes it up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

import pytest

from dragonfly_task_operator.client.client import Client
from dragonfly_task_operator.client.run import Run
from dragonfly_task_operator.client.watching import Event, Gone, Listed, Recovered, Seen, Trouble
from dragonfly_task_operator.plugin import following
from dragonfly_task_operator.plugin.following import follow
from dragonfly_task_operator.plugin.options import DEADLINE, FALSE, Ended, Session
from tests.plugin.rendered import body

SECONDS = 20
UID = "uid-search-found"


def at(generation: int, *, uid: str = UID, **changes: Any) -> dict[str, Any]:
    """The object of a finished search, whose spec is at this generation."""
    found = body("search-found", **changes)
    return {**found, "metadata": {**found["metadata"], "generation": generation, "uid": uid}}


OVER, GOING = at(1), at(2)


class Watched:
    """A client whose watch brings this, and then nothing for ever."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._events = events

    async def watch(self, *_: object, **__: object) -> AsyncIterator[Event]:
        for event in self._events:
            yield event
        await asyncio.Event().wait()


async def followed(*events: Event, timeout: float = SECONDS) -> Run:
    return await follow(Session(), cast("Client", Watched(events)), Run.of(GOING), timeout=timeout)


async def test_run_is_followed_until_its_status_is_about_its_spec() -> None:
    assert Run.of(GOING).reason == "Pending"  # its status tells of the spec before

    run = await followed(Seen(GOING), Listed(), Trouble("the API server is away"), Recovered(), Seen(OVER))

    assert (run.reason, run.succeeded) == ("Found", True)


@pytest.mark.parametrize(
    "events",
    [
        [Listed()],
        [Seen(at(1, uid="another")), Listed()],
        [Seen(GOING), Listed(), Gone("default", "search-found", UID)],
        [Seen(GOING), Listed(), Seen(at(1, uid="another"))],
    ],
    ids=["not there", "another from the first", "deleted", "replaced"],
)
async def test_object_that_is_no_more_is_told_and_no_other_taken_for_it(
    events: list[Event], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Ended) as ended:
        await followed(*events)

    assert ended.value.code == FALSE
    assert capsys.readouterr().err == "tsearch/search-found was deleted by somebody before it had ended\n"


async def test_deletion_of_another_object_of_the_name_is_nobodys_affair() -> None:
    run = await followed(Seen(GOING), Listed(), Gone("default", "search-found", "another"), Seen(OVER))

    assert run.is_over


async def test_edit_that_nobody_takes_up_is_told_and_how_to_look(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(following, "UNSEEN_SECONDS", 0.05)

    with pytest.raises(Ended) as ended:
        await followed(Seen(GOING), Listed(), timeout=1)

    assert ended.value.code == DEADLINE
    assert capsys.readouterr().err.startswith("nothing has picked it up within 0 s. No operator runs")


async def test_reason_why_a_run_stands_still_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    conditions = [{"type": "Succeeded", "status": "Unknown", "reason": "OperatorTooOld", "message": "spec.x is newer"}]
    old = at(1, conditions=conditions)

    with pytest.raises(Ended):
        await followed(Seen(old), Listed(), Seen(old), timeout=1)

    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if line.startswith("spec.x is newer")] == [
        "spec.x is newer. The message names what the operator does not know: finish the upgrade, or take it back."
    ]
