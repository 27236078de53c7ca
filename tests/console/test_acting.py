"""What the buttons do, and when they do nothing."""

from __future__ import annotations

import re
from typing import Any

import pytest

from dragonfly_task_operator.client.errors import Changed, NotTaken
from tests.console.conftest import Visit, Visitor
from tests.console.scripted import PREVIEW, TARGET, TASK, TOLD, ScriptedClient, a_preview, a_status, an_object


async def confirm(visitor: Visitor, **typed: str) -> tuple[int, str]:
    return await visitor.post(f"{PREVIEW}/confirm", **{"version": "7", **typed})


async def test_preview_is_carried_out_when_the_word_is_typed(visit: Visit) -> None:
    client = ScriptedClient([a_preview()])
    async with visit(client) as visitor:
        status, led_to = await confirm(visitor, word="DELETE", unreachablePeers="Ignore", unfinishedDownloads="Wait")

    assert (status, led_to.endswith(PREVIEW)) == (303, True)
    spec = {"dryRun": False, "unreachablePeers": "Ignore", "unfinishedDownloads": "Wait"}
    assert client.asked == [("patch", {"spec": spec})]


@pytest.mark.parametrize("word", ["", "delete", "DELETE IT", "DELET"])
async def test_nothing_is_deleted_for_another_word(visit: Visit, word: str) -> None:
    client = ScriptedClient([a_preview()])
    async with visit(client) as visitor:
        status, text = await confirm(visitor, word=word)

    assert (status, "Nothing is deleted: type DELETE" in text, client.asked) == (422, True, [])


async def test_links_of_a_refusal_lead_to_the_page_that_it_is_of(visit: Visit) -> None:
    async with visit(ScriptedClient([a_preview()])) as visitor:
        _, text = await confirm(visitor, word="no")
        addresses = {address.partition("?")[0] for address in re.findall(r'(?:href|action|data-page)="([^#"]*)', text)}

    own = visitor.root.removeprefix(visitor.origin) + PREVIEW
    assert {each for each in addresses if PREVIEW in each} == {own, f"{own}/confirm", f"{own}/again"}
    assert [each for each in addresses if each and not each.startswith("/")] == []


async def test_nothing_is_deleted_that_is_not_as_it_was_seen(visit: Visit) -> None:
    client = ScriptedClient([a_preview()])
    async with visit(client) as visitor:
        status, text = await confirm(visitor, word="DELETE", version="6")

    assert (status, "it has changed since you looked" in text, client.asked) == (422, True, [])


async def test_nothing_is_deleted_when_it_changes_at_the_last_moment(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = ScriptedClient([a_preview()])

    async def patch(*_: object, **__: object) -> None:
        raise Changed("it has changed")

    monkeypatch.setattr(client, "patch", patch)
    async with visit(client) as visitor:
        status, text = await confirm(visitor, word="DELETE")

    assert (status, "it has changed since you looked" in text) == (422, True)


@pytest.mark.parametrize(
    "run",
    [
        a_preview(suspend=True) | {"status": a_status("Unknown", "Running")},
        an_object("TaskDeletion", "preview", TARGET, a_status("True", "Deleted", **TOLD)),
    ],
    ids=["not finished", "no preview"],
)
async def test_only_a_finished_preview_is_carried_out(visit: Visit, run: dict[str, Any]) -> None:
    client = ScriptedClient([run])
    async with visit(client) as visitor:
        status, _ = await confirm(visitor, word="DELETE")

    assert (status, client.asked) == (422, [])


async def test_preview_of_a_search_deletes_nothing(visit: Visit) -> None:
    search = an_object("TaskSearch", "found", {**TARGET, "schedulerClusterIDs": [1], "suspend": False})
    client = ScriptedClient([search])
    async with visit(client) as visitor:
        status, led_to = await visitor.post("/executions/tasksearches/default/found/preview")

    assert (status, led_to.rpartition("/executions/")[2]) == (303, "taskdeletions/default/delete-x7k2p")
    ((verb, made),) = client.asked
    assert (verb, made["kind"], made["spec"]["dryRun"]) == ("create", "TaskDeletion", True)
    assert (made["spec"]["targets"], made["spec"]["schedulerClusterIDs"]) == (TARGET["targets"], [1])


async def test_deletion_is_not_done_again_without_a_preview(visit: Visit) -> None:
    client = ScriptedClient([an_object("TaskDeletion", "done", TARGET, a_status("True", "Deleted", **TOLD))])
    async with visit(client) as visitor:
        status, _ = await visitor.post("/executions/taskdeletions/default/done/again")

    assert (status, client.asked) == (409, [])


@pytest.mark.parametrize(("action", "suspend"), [("suspend", True), ("resume", False)])
async def test_run_is_cancelled_and_gone_on_with(visit: Visit, action: str, *, suspend: bool) -> None:
    client = ScriptedClient([an_object("TaskSearch", "going", TARGET)])
    async with visit(client) as visitor:
        await visitor.post(f"/executions/tasksearches/default/going/{action}")

    assert client.asked == [("patch", {"spec": {"suspend": suspend}})]


async def test_search_again_asks_for_a_new_run(visit: Visit) -> None:
    client = ScriptedClient([an_object("TaskSearch", "old", TARGET, a_status("True", "Found", **TOLD))])
    async with visit(client) as visitor:
        await visitor.post("/executions/tasksearches/default/old/again")
        await visitor.post("/executions/tasksearches/default/old/again")

    first, second = (patch["spec"]["runID"] for _, patch in client.asked)
    assert first != second


async def test_what_the_form_can_not_take_is_told_and_nothing_typed_is_lost(visit: Visit) -> None:
    client = ScriptedClient()
    async with visit(client) as visitor:
        status, text = await visitor.post("/searches", way="url", url="nonsense", tag="prod")

    assert (status, client.asked) == (422, [])
    assert 'value="nonsense"' in text
    assert 'value="prod"' in text
    assert 'aria-invalid="true" aria-describedby="url-problem"' in text


async def test_what_the_api_server_does_not_take_is_told_in_its_words(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = ScriptedClient()

    async def create(*_: object, **__: object) -> None:
        raise NotTaken("a policy of the cluster forbids it")

    monkeypatch.setattr(client, "create", create)
    async with visit(client) as visitor:
        status, text = await visitor.post("/searches", way="taskID", taskID=TASK)

    assert (status, "a policy of the cluster forbids it" in text) == (422, True)


async def test_typed_things_are_shown_as_yaml_before_anything_is_made(visit: Visit) -> None:
    client = ScriptedClient()
    async with visit(client) as visitor:
        _, text = await visitor.post("/manifest", way="taskID", taskID=TASK, name="mine")

    assert client.asked == []
    assert (
        f"kind: TaskSearch\nmetadata:\n  name: mine\n  namespace: default\nspec:\n  targets:\n  - taskID: {TASK}"
        in text
    )
    assert "dryRun: true" in text


@pytest.mark.parametrize(
    ("path", "leads_to"),
    [("/searches", "/"), ("/deletions", "/"), ("/manifest", "/"), (f"{PREVIEW}/confirm", PREVIEW)],
)
async def test_address_of_a_form_that_is_loaded_anew_leads_back(visit: Visit, path: str, leads_to: str) -> None:
    async with (
        visit(ScriptedClient([a_preview()])) as visitor,
        visitor.session.get(f"{visitor.root}{path}") as response,
    ):
        assert (response.status, str(response.url)) == (200, f"{visitor.root}{leads_to}")
