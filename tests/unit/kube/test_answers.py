"""What counts as an answer of the API server's."""

from __future__ import annotations

import json
from typing import Any

import pytest
from kubernetes.aio.client import ApiException

from dragonfly_task_operator.kube.answers import ForeignAnswer, document, is_no_more
from tests.apiserver_proxy import HTML, status

GROUP = "tasks.d7y.io"
OBJECT = f"/apis/{GROUP}/v1alpha1/namespaces/team/tasksearches/one"
LIST = f"/apis/{GROUP}/v1alpha1/tasksearches"
EVENTS = "/api/v1/namespaces/team/events"
STORED = {"uid": "11-22", "resourceVersion": "7"}
ONE: dict[str, Any] = {"kind": "TaskSearch", "apiVersion": f"{GROUP}/v1alpha1", "metadata": {"name": "one", **STORED}}
MANY: dict[str, Any] = {
    "kind": "TaskSearchList",
    "apiVersion": f"{GROUP}/v1alpha1",
    "metadata": {"resourceVersion": "7"},
    "items": [],
}
METADATA = MANY | {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "items": None}
SUCCESS = {"kind": "Status", "apiVersion": "v1", "status": "Success"}


@pytest.mark.parametrize(
    ("code", "path", "body"),
    [
        (200, OBJECT, ONE),
        (200, f"{OBJECT}/status", ONE),
        (404, OBJECT, status(404, "NotFound")),
        (500, OBJECT, status(500)),
        (200, LIST, MANY),
        (200, LIST, METADATA),
        (200, OBJECT, ONE | {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}),
        (201, EVENTS, {"kind": "Event", "apiVersion": "v1", "metadata": {"name": "one.1"}}),
        (
            200,
            "/api/v1/namespaces/team/secrets/s",
            {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "s", **STORED}},
        ),
        (200, "/api", {"kind": "APIVersions", "versions": ["v1"]}),
        (200, "/apis", {"kind": "APIGroupList", "apiVersion": "v1", "groups": []}),
        (200, f"/apis/{GROUP}/v1alpha1", {"kind": "APIResourceList", "apiVersion": "v1", "resources": []}),
    ],
)
def test_answer_of_the_api_server_counts(code: int, path: str, body: dict[str, Any]) -> None:
    assert document(code, path, json.dumps(body).encode()) == body


@pytest.mark.parametrize("code", [200, 201, 302, 400, 404, 409, 413, 422, 500, 502])
@pytest.mark.parametrize(
    "content",
    [
        HTML,
        b"",
        b"404 page not found\n",
        b'"ok"',
        b"[]",
        b"[" * 100_000,
        b'{"error": "not found"}',
        json.dumps(ONE).encode()[:-9],
        json.dumps(ONE | {"apiVersion": "v2"}).encode(),
        json.dumps(ONE | {"metadata": {"name": "two"}}).encode(),
        json.dumps(ONE | {"metadata": None}).encode(),
        json.dumps(ONE | {"metadata": {"name": "one"}}).encode(),
        json.dumps(ONE | {"metadata": {"name": "one", "uid": "11-22"}}).encode(),
        json.dumps(ONE | {"metadata": {"name": "one", **STORED, "uid": None}}).encode(),
        json.dumps(SUCCESS).encode(),
        json.dumps(MANY).encode(),
        json.dumps(status(403, "Forbidden")).encode(),  # whose code is none of these
        json.dumps({"kind": "Status", "status": "Failure", "reason": "NotFound"}).encode(),
    ],
)
def test_answer_of_another_counts_for_nothing(code: int, content: bytes) -> None:
    with pytest.raises(ForeignAnswer, match=f"^{code} and what is no answer of an API server"):
        document(code, OBJECT, content)


@pytest.mark.parametrize(
    "body",
    [
        SUCCESS,
        ONE,
        {name: MANY[name] for name in MANY if name != "items"},
        {name: MANY[name] for name in MANY if name != "metadata"},
        MANY | {"metadata": {}},
        MANY | {"metadata": {"resourceVersion": ""}},
    ],
)
def test_list_that_is_not_whole_counts_for_nothing(body: dict[str, Any]) -> None:
    """An empty one would have every object forgotten."""
    with pytest.raises(ForeignAnswer):
        document(200, LIST, json.dumps(body).encode())


def test_success_without_an_object_is_the_answer_to_a_deletion_alone() -> None:
    content = json.dumps(SUCCESS).encode()

    assert document(200, OBJECT, content, method="DELETE") == SUCCESS
    for method in ("GET", "PATCH", "PUT", "POST"):
        with pytest.raises(ForeignAnswer):
            document(200, OBJECT, content, method=method)


@pytest.mark.parametrize("code", [400, 404, 409, 422, 500])
def test_object_with_a_failure_for_its_code_counts_for_nothing(code: int) -> None:
    with pytest.raises(ForeignAnswer):
        document(code, OBJECT, json.dumps(ONE).encode())


@pytest.mark.parametrize(
    ("told", "is_gone"),
    [
        (status(404, "NotFound", "", name="one", kind="tasksearches", group=GROUP), True),
        (status(404, "NotFound", "", name="one"), True),
        (status(404, "NotFound", "", name="two", kind="tasksearches", group=GROUP), False),
        (status(404, "NotFound", "", name="one", kind="services", group=""), False),
        (status(404, "NotFound", "", name="one", kind="tasksearches", group="apps"), False),
        (status(404, "NotFound"), False),
        (status(404, "NotFound") | {"details": "one"}, False),
        (status(404, "", "", name="one"), False),
        (status(410, "Gone", "", name="one"), False),
    ],
)
def test_only_not_found_that_names_the_object_says_that_it_is_gone(told: dict[str, Any], *, is_gone: bool) -> None:
    error = ApiException(status=told["code"], body=json.dumps(told))

    assert is_no_more(error, name="one", plural="tasksearches", group=GROUP) is is_gone
