"""Answers that are none of the API server's, and requests that get none: no run ends, and no object is given up."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver_proxy import HTML, ApiServerProxy, status
from tests.faults.stage import Stage, task_of
from tests.objects import is_finished, is_running, succeeded, wait_for

pytestmark = pytest.mark.controlplane

WRITES = "PATCH .*/status"
MANY = 3
"""Requests that go wrong before one goes right."""


@pytest.fixture(scope="module")
def kubeconfig(proxy: ApiServerProxy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return proxy.kubeconfig(tmp_path_factory.mktemp("account") / "kubeconfig", user={"token": "any"})


def ends_well(stage: Stage, proxy: ApiServerProxy, trouble: Callable[[], None], *, seconds: float = 60) -> None:
    """Run a deletion whose writes meet this trouble."""
    body = stage.new("TaskDeletion")
    stage.world.caches(task_of(body))
    before = proxy.requests(WRITES)
    trouble()
    try:
        stage.create([body])
        status = stage.objects.until(body["kind"], body["metadata"]["name"], is_finished, seconds=seconds)
    finally:
        proxy.behaves()
    assert proxy.requests(WRITES) > before  # or else no trouble was met
    assert succeeded(status) == ("True", "Deleted"), status
    assert [run["reason"] for run in status["history"]] == ["Deleted"]
    assert stage.violations([body]) == []


@pytest.mark.parametrize("after", [False, True], ids=["instead", "afterwards"])
@pytest.mark.parametrize("code", [200, 302, 400, 403, 404, 409, 410, 413, 422, 500, 502])
def test_page_of_a_proxy_ends_no_run(stage: Stage, proxy: ApiServerProxy, code: int, *, after: bool) -> None:
    ends_well(stage, proxy, lambda: proxy.answers(WRITES, code, HTML, times=MANY, after=after))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"404 page not found\n",
        {"message": "no route to upstream"},
        {"kind": "TaskSearchList", "apiVersion": "tasks.d7y.io/v1alpha1", "items": []},
        {"kind": "TaskDeletion", "apiVersion": "tasks.d7y.io/v1alpha1", "metadata": {"name": "another", "uid": "1"}},
        {"kind": "TaskDeletion", "apiVersion": "tasks.d7y.io/v1al"},
    ],
    ids=["empty", "text", "json", "list", "another", "cut"],
)
@pytest.mark.parametrize("code", [200, 404])
def test_answer_that_is_about_nothing_asked_for_ends_no_run(
    stage: Stage, proxy: ApiServerProxy, code: int, body: object
) -> None:
    ends_well(stage, proxy, lambda: proxy.answers(WRITES, code, body, times=MANY))


@pytest.mark.parametrize(
    "details", [{}, {"name": "gateway", "kind": "services"}, {"group": "tasks.d7y.io", "kind": "taskdeletions"}]
)
def test_not_found_that_a_look_does_not_confirm_ends_no_run(
    stage: Stage, proxy: ApiServerProxy, details: dict[str, Any]
) -> None:
    ends_well(
        stage, proxy, lambda: proxy.answers(WRITES, 404, status(404, "NotFound", "not found", **details), times=MANY)
    )


def test_not_found_by_the_look_too_but_of_another_object_ends_no_run(stage: Stage, proxy: ApiServerProxy) -> None:
    foreign = status(404, "NotFound", 'services "gateway" not found', name="gateway", kind="services")
    ends_well(stage, proxy, lambda: proxy.answers("(PATCH|GET) .*/taskdeletions/", 404, foreign, times=2 * MANY))


@pytest.mark.parametrize("after", [False, True], ids=["instead", "afterwards"])
def test_write_that_is_cut_off_ends_no_run(stage: Stage, proxy: ApiServerProxy, *, after: bool) -> None:
    ends_well(stage, proxy, lambda: proxy.cuts(WRITES, times=MANY, after=after))


def test_write_that_is_never_answered_is_tried_again_in_time(stage: Stage, proxy: ApiServerProxy) -> None:
    began = time.monotonic()
    ends_well(stage, proxy, lambda: proxy.freezes(WRITES, times=1))
    assert time.monotonic() - began < 30


def test_connections_that_went_dead_without_a_word_are_noticed_in_time(stage: Stage, proxy: ApiServerProxy) -> None:
    body = stage.new("TaskDeletion", parallelism=1)
    stage.world.caches(task_of(body))
    stage.world.conditions(latency=0.2)
    try:
        stage.create([body])
        wait_for(lambda: bool(stage.world.delete_requests()), "a deletion")
        began = time.monotonic()
        proxy.freezes_connections()
        stage.objects.until(body["kind"], body["metadata"]["name"], is_finished, seconds=90)
    finally:
        stage.world.conditions(latency=0)
    assert time.monotonic() - began < 35
    assert stage.violations([body]) == []


def test_server_that_is_busy_is_heeded_and_ends_no_run(stage: Stage, proxy: ApiServerProxy) -> None:
    busy = status(429, "TooManyRequests", "try again later")
    ends_well(stage, proxy, lambda: proxy.answers(WRITES, 429, busy, headers={"Retry-After": "2"}, times=MANY))


def test_server_that_is_busy_is_left_alone_for_as_long_as_it_asks_for(stage: Stage, proxy: ApiServerProxy) -> None:
    asked_for = 6
    busy = status(429, "TooManyRequests", "try again later")
    body = stage.new("TaskSearch")
    writes = f"PATCH .*/{body['metadata']['name']}/status"
    proxy.answers(writes, 429, busy, headers={"Retry-After": str(asked_for)}, times=1)
    try:
        stage.create([body])
        wait_for(lambda: proxy.requests(writes) > 0, "a write that is turned away")
        began = time.monotonic()
        wait_for(lambda: proxy.requests(writes) > 1, "the write again")
        waited = time.monotonic() - began
        stage.finish([body], seconds=60)
    finally:
        proxy.behaves()
    assert waited > asked_for - 1  # the first was seen a little late
    assert stage.violations([body]) == []


def test_object_that_is_gone_is_given_up_although_no_event_tells(stage: Stage, proxy: ApiServerProxy) -> None:
    body = stage.new("TaskDeletion")
    task, name = task_of(body), body["metadata"]["name"]
    stage.world.caches(task, on="n1", state="downloading")
    stage.create([body])
    stage.objects.until(body["kind"], name, is_running)
    proxy.watches.loses_deletions = True
    try:
        stage.delete(body["kind"], name)
        stage.world.caches(task, on="n1")  # so there is something to write
        wait_for(lambda: proxy.requests(f"PATCH .*/{name}/status") > 0, "a write")
        looks = proxy.requests(f"GET .*/{name}$")
        wait_for(lambda: proxy.requests(f"GET .*/{name}$") > looks, "a look whether it is gone")
        writes = proxy.requests(f"PATCH .*/{name}/status")
        other = stage.new("TaskSearch")
        stage.create([other])
        stage.finish([other], seconds=60)
    finally:
        proxy.behaves()
    assert proxy.requests(f"PATCH .*/{name}/status") == writes
    assert stage.violations([other]) == []
