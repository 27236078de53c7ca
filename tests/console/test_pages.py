"""Every state has its page, and says what is so."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dragonfly_task_operator.client.errors import Denied, KindsMissing, Unreachable
from tests.console.conftest import SECONDS, Visit
from tests.console.scripted import (
    PREVIEW,
    TARGET,
    TASK,
    TOLD,
    ScriptedClient,
    a_peer,
    a_preview,
    a_status,
    a_task,
    an_object,
)

ATTACK = '<script>alert("x")</script>'


async def shown(visit: Visit, client: ScriptedClient, path: str) -> tuple[int, str]:
    async with visit(client) as visitor:
        return await visitor.get(path)


async def test_no_runs_yet(visit: Visit) -> None:
    async with visit(ScriptedClient()) as visitor:
        assert "Begin with a search" in await visitor.until("/executions", "Nothing has been searched for")


async def test_runs_that_have_not_come_yet(visit: Visit) -> None:
    status, text = await shown(visit, ScriptedClient(is_silent=True), "/executions")

    assert (status, "Asking the API server…" in text) == (200, True)


@pytest.mark.parametrize(
    ("failing", "status", "words"),
    [
        (Unreachable("the API server https://api:6443 can't be reached"), 502, "The API server can&#39;t be asked"),
        (
            Denied("no", verb="list", plural="tasksearches", namespace="default"),
            403,
            "the ClusterRole dragonfly-tasks-view grants it",
        ),
        (KindsMissing("the API server knows no tasksearches: kubectl apply -k deploy"), 502, "kubectl apply -k deploy"),
    ],
    ids=["gone", "denied", "no CRDs"],
)
async def test_what_can_not_be_asked_is_told_on_every_page(
    visit: Visit, failing: Exception, status: int, words: str
) -> None:
    client = ScriptedClient([a_preview()])
    client.failing = failing  # type: ignore[assignment]
    async with visit(client) as visitor:
        answer = await visitor.get(PREVIEW)
        listed = await visitor.until("/executions", "Not up to date.")

    assert (answer[0], words in answer[1]) == (status, True)
    assert "Nothing is known yet." in listed
    assert "Nothing has been searched for" not in listed


async def test_run_that_is_not_there(visit: Visit) -> None:
    status, text = await shown(visit, ScriptedClient(), "/executions/tasksearches/default/none")

    assert (status, "There is no such execution" in text) == (404, True)


async def test_run_that_nobody_picks_up_says_how_to_look(visit: Visit) -> None:
    client = ScriptedClient([an_object("TaskSearch", "forgotten", TARGET)])

    _, text = await shown(visit, client, "/executions/tasksearches/default/forgotten")

    assert "PENDING" in text
    assert "Nothing has picked this up" in text
    assert "kubectl -n dragonfly-task-operator get pods,events" in text


async def test_run_that_goes_shows_how_far_it_is(visit: Visit) -> None:
    status = a_status("Unknown", "Running", "asking", progress="812/1236", peers={"total": 1236, "deleted": 4})
    client = ScriptedClient([an_object("TaskDeletion", "going", TARGET, status)])

    _, text = await shown(visit, client, "/executions/taskdeletions/default/going")

    assert "812 of 1,236 pairs of task and peer are settled." in text
    assert '<progress max="1236" value="812"' in text
    assert "Cancel" in text


async def test_failed_run_says_why_and_what_to_do(visit: Visit) -> None:
    failure = {"taskID": TASK, "reason": "Internal", "description": "disk on fire", "attempts": 7}
    status = a_status(
        "False",
        "PeersFailed",
        "1 of 50 peers failed",
        peers={"total": 50, "caching": 2, "deleted": 1, "failed": 1},
        failures=[a_peer(11, **failure)],
        failureSummary=[{"reason": "Internal", "count": 1, "example": "n11: disk on fire"}],
        **TOLD,
    )
    client = ScriptedClient([an_object("TaskDeletion", "failed", TARGET, status)])

    _, text = await shown(visit, client, "/executions/taskdeletions/default/failed")

    assert "FAILURE" in text
    assert "1 of 50 peers failed" in text
    assert "<p>disk on fire</p>" in text
    assert "7 attempts" in text
    assert "most often" in text  # what to do about Internal


async def test_preview_tells_what_would_go(visit: Visit) -> None:
    _, text = await shown(visit, ScriptedClient([a_preview()]), PREVIEW)

    assert "<strong>1 task</strong> from <strong>2 peers</strong>, about <strong>2.0 GiB</strong>" in text


async def test_nothing_that_others_wrote_becomes_html(visit: Visit) -> None:
    failure = {"taskID": TASK, "reason": ATTACK, "description": ATTACK, "attempts": 1}
    status = a_status(
        "False",
        ATTACK,
        ATTACK,
        summary=ATTACK,
        failures=[{**a_peer(1, **failure), "hostname": ATTACK}],
        failureSummary=[{"reason": ATTACK, "count": 1, "example": ATTACK}],
        tasks=[a_task(url=ATTACK)],
        images=[{"summary": ATTACK}],
        history=[{"reason": ATTACK, "runID": ATTACK}],
        **TOLD,
    )
    client = ScriptedClient([an_object("TaskDeletion", "evil", {"targets": [{"taskID": ATTACK}]}, status)])
    async with visit(client) as visitor:
        pages = [
            (await visitor.get("/executions/taskdeletions/default/evil?q=%22%3E%3Cscript%3E&sort=%22%3E%3Cscript%3E"))[
                1
            ],
            await visitor.until("/executions", "evil"),
            (await visitor.post("/searches", url=ATTACK))[1],
        ]

    assert [page.count("<script>") for page in pages] == [0, 0, 0]


async def test_no_value_that_signs_a_url_is_shown_but_in_the_yaml(visit: Visit) -> None:
    spec = {"targets": [{"url": "https://models.example.com/x?X-Amz-Signature=hush"}]}
    client = ScriptedClient([an_object("TaskSearch", "signed", spec)])
    async with visit(client) as visitor:
        listed = await visitor.until("/executions", "signed")
        _, text = await visitor.get("/executions/tasksearches/default/signed")

    assert "X-Amz-Signature=REDACTED" in listed
    assert "hush" not in listed
    assert "hush" not in text.partition('id="yaml-title"')[0]


@pytest.mark.parametrize(
    "status",
    [
        {},
        {"conditions": "none", "peers": [], "tasks": {"a": 1}, "history": "x", "failureSummary": 3, "omitted": 1},
        {"tasks": ["x", {"contentLength": "long", "peers": "many", "taskID": 3}], "images": [3], "history": [None, {}]},
    ],
    ids=["none", "other types", "lists of other types"],
)
async def test_status_of_another_version_is_shown_as_far_as_it_can_be(visit: Visit, status: dict[str, Any]) -> None:
    run = an_object("TaskSearch", "other", TARGET) | {"status": status}

    code, text = await shown(visit, ScriptedClient([run]), "/executions/tasksearches/default/other")

    assert (code, "other" in text) == (200, True)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", {"went", "failed", "goes"}),
        ("?state=SUCCESS", {"went"}),
        ("?state=FAILURE", {"failed"}),
        ("?state=PENDING", {"goes"}),
        ("?kind=taskdeletions", {"failed"}),
        ("?q=WENT", {"went"}),
        ("?q=nothing", set()),
    ],
)
async def test_executions_are_filtered(visit: Visit, query: str, names: set[str]) -> None:
    runs = [
        an_object("TaskSearch", "went", TARGET, a_status("True", "Found")),
        an_object("TaskDeletion", "failed", TARGET, a_status("False", "PeersFailed")),
        an_object("TaskSearch", "goes", TARGET, a_status("Unknown", "Running")),
    ]
    async with visit(ScriptedClient(runs)) as visitor:
        await visitor.until("/executions", "3 executions")
        _, text = await visitor.get(f"/executions{query}")

    assert {name for name in ("went", "failed", "goes") if f">{name}</a>" in text} == names


async def test_page_is_told_to_look_again(visit: Visit) -> None:
    async with visit(ScriptedClient([a_preview()])) as visitor, visitor.session.get(f"{visitor.root}/events") as stream:
        async with asyncio.timeout(SECONDS):
            line = await stream.content.readline()

    assert (stream.content_type, line) == ("text/event-stream", b"data: look\n")
