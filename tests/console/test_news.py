"""News come into a page that is open, and take nothing from who reads and types there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.console.browsing import Console, Person
from tests.console.conftest import serving
from tests.console.scripted import ScriptedClient, a_status, an_object
from tests.registry.threaded import Servers

TARGET = {"targets": [{"taskID": "a1" * 32}]}
FAILED, PREVIEW = ("TaskDeletion", "failed"), ("TaskDeletion", "preview")


def a_failure(number: int) -> dict[str, Any]:
    return {
        "taskID": "a1" * 32,
        "hostID": f"h{number}",
        "hostname": f"n{number}",
        "ip": f"10.0.0.{number}",
        "hostType": "normal",
        "schedulerClusterID": 1,
        "reason": "Internal",
        "description": f"the disk of n{number} is broken",
        "attempts": 7,
    }


def a_deletion(name: str, *failures: int, message: str = "", **spec: Any) -> dict[str, Any]:
    reason = "DryRun" if spec else "PeersFailed"
    status = a_status("True" if spec else "False", reason, message, peers={"total": 9, "caching": 3})
    status["failures"] = [a_failure(number) for number in failures]
    return an_object("TaskDeletion", name, {**TARGET, **spec}, status)


@pytest.fixture(scope="module")
def client() -> ScriptedClient:
    return ScriptedClient()


@pytest.fixture(scope="module")
def served(client: ScriptedClient, browser: Browser) -> Iterator[Console]:
    del browser
    with Servers() as servers:
        yield servers.enter(serving(client))


def test_what_was_opened_stays_open(person: Person, client: ScriptedClient) -> None:
    client.objects[FAILED] = a_deletion("failed", 1, 3)
    person.goes_to("/executions/taskdeletions/default/failed")
    person.page.locator("#failed-h3-1 > summary").click()

    client.objects[FAILED] = a_deletion("failed", 1, 2, 3)

    person.sees("n2", "the disk of n3 is broken", within="#rows")
    assert "the disk of n1 is broken" not in person.page.inner_text("#rows")


def test_what_was_typed_stays_and_so_does_the_focus(person: Person, client: ScriptedClient) -> None:
    client.objects[PREVIEW] = a_deletion("preview", dryRun=True)
    person.goes_to("/executions/taskdeletions/default/preview")
    field = person.page.get_by_label("Type DELETE to confirm")
    field.fill("DELE")

    changed = a_deletion("preview", dryRun=True, message="looked at again")
    client.objects[PREVIEW] = {**changed, "metadata": {**changed["metadata"], "resourceVersion": "8"}}

    person.sees("looked at again", within="#verdict")
    assert person.page.locator("input[name=version]").input_value() == "8"
    assert (field.input_value(), person.page.evaluate("document.activeElement.id")) == ("DELE", "word")


def test_what_is_selected_to_be_copied_is_not_taken_away(person: Person, client: ScriptedClient) -> None:
    client.objects[FAILED] = a_deletion("failed", 1, message="first words")
    person.goes_to("/executions/taskdeletions/default/failed")
    person.page.evaluate("getSelection().selectAllChildren(document.querySelector('.reason'))")

    client.objects[FAILED] = a_deletion("failed", 1, 2, message="other words")

    person.sees("n2", within="#rows")  # elsewhere, news have come
    assert "first words" in person.page.evaluate("getSelection().toString()")
    person.page.evaluate("getSelection().removeAllRanges()")
    person.sees("other words", within="#verdict")


def test_run_that_is_removed_gives_way_to_words(person: Person, client: ScriptedClient) -> None:
    client.objects[FAILED] = a_deletion("failed", 1)
    person.goes_to("/executions/taskdeletions/default/failed")

    del client.objects[FAILED]

    person.sees("There is no such execution")
