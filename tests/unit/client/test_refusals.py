"""What the API server refuses, and what a person is told of it."""

from __future__ import annotations

from typing import Any

import pytest

from dragonfly_task_operator.api.kinds import TASK_DELETION
from dragonfly_task_operator.client.errors import (
    AlreadyThere,
    Changed,
    ClientError,
    Denied,
    KindsMissing,
    NoSuchObject,
    NotTaken,
    Unreachable,
)
from dragonfly_task_operator.client.refusals import refusal

CANNOT = (
    'taskdeletions.tasks.d7y.io is forbidden: User "{who}" cannot create resource "taskdeletions" in API group'
    ' "tasks.d7y.io" in the namespace "team"'
)


def told(
    status: int, message: str, *, verb: str = "create", namespace: str | None = "team", reason: str = "", **details: str
) -> ClientError:
    answer: dict[str, Any] = {"message": message, "reason": reason, "details": details}
    return refusal(status, answer, verb=verb, kind=TASK_DELETION, namespace=namespace, name="one")


@pytest.mark.parametrize(
    ("verb", "who", "namespace", "command"),
    [
        (
            "create",
            "jane",
            "team",
            "kubectl create rolebinding dragonfly-tasks --clusterrole=dragonfly-tasks-edit --user=jane -n team",
        ),
        (
            "list",
            "jane@example.com",
            None,
            (
                "kubectl create clusterrolebinding dragonfly-tasks --clusterrole=dragonfly-tasks-view"
                " --user=jane@example.com"
            ),
        ),
        (
            "watch",
            "system:serviceaccount:ci:robot",
            "team",
            (
                "kubectl create rolebinding dragonfly-tasks --clusterrole=dragonfly-tasks-view"
                " --serviceaccount=ci:robot -n team"
            ),
        ),
    ],
)
def test_missing_right_is_told_with_the_role_that_grants_it(
    verb: str, who: str, namespace: str | None, command: str
) -> None:
    error = told(403, CANNOT.format(who=who), verb=verb, namespace=namespace)

    assert isinstance(error, Denied)
    assert (error.verb, error.plural, error.namespace) == (verb, "taskdeletions", namespace)
    where = "in any namespace" if namespace is None else f"in the namespace {namespace}"
    assert str(error).startswith(f"you may not {verb} taskdeletions {where}: ")
    assert str(error).endswith(f"Who may give rights can say: {command}")


@pytest.mark.parametrize(
    ("status", "message", "more", "kind", "words"),
    [
        (403, "exceeded quota: small", {}, NotTaken, "does not take it: exceeded quota: small"),
        (403, 'users "joe" is forbidden: User "jane" cannot impersonate resource "users"', {}, NotTaken, "impersonate"),
        (422, "spec.targets[0]: Invalid value", {"reason": "Invalid"}, NotTaken, "does not take it: spec.targets[0]"),
        (400, 'unknown field "spec.x"', {"reason": "BadRequest"}, NotTaken, 'unknown field "spec.x"'),
        (413, "too large", {}, NotTaken, "too large"),
        (404, "not found", {"name": "one", "kind": "taskdeletions"}, NoSuchObject, "no TaskDeletion team/one"),
        (404, "not found", {"name": "team", "kind": "namespaces"}, NoSuchObject, "there is no namespace team"),
        (404, "the server could not find the requested resource", {}, KindsMissing, "crds | kubectl apply -f -"),
        (409, "exists", {"reason": "AlreadyExists"}, AlreadyThere, "there is a TaskDeletion team/one already"),
        (409, "modified", {"reason": "Conflict"}, Changed, "has changed meanwhile"),
        (500, "etcd is ill", {}, Unreachable, "it answered 500: etcd is ill; try again"),
        (429, "", {}, Unreachable, "it answered 429: Too Many Requests"),
    ],
)
def test_refusal_is_told_in_words(
    status: int, message: str, more: dict[str, str], kind: type[ClientError], words: str
) -> None:
    error = told(status, message, **more)

    assert type(error) is kind
    assert words in str(error)
