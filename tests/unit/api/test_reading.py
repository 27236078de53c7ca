"""Specs that an API server took and this version can't read: too new, or invalid."""

from __future__ import annotations

from typing import Any

import pytest

from dragonfly_task_operator.api.conditions import Reason
from dragonfly_task_operator.api.reading import UnreadableSpec, read_spec
from dragonfly_task_operator.api.specs import TaskDeletionSpec, run_key

TARGET = {"taskID": "a1" * 32}
IMAGE = {"imageManifestURL": "https://registry.example.com/v2/nginx/manifests/1"}


def unreadable(raw: Any) -> UnreadableSpec:
    with pytest.raises(UnreadableSpec) as caught:
        read_spec(TaskDeletionSpec, raw)
    return caught.value


@pytest.mark.parametrize(
    ("raw", "where"),
    [
        ({"targets": [TARGET], "excludePeers": []}, "spec.excludePeers is a field"),
        ({"targets": [TARGET], "excludePeers": None}, "spec.excludePeers is a field"),
        ({"targets": [TARGET, TARGET | {"layers": "all"}]}, "spec.targets[1].layers is a field"),
        ({"targets": [IMAGE | {"pullSecretRef": {"name": "x", "key": "y"}}]}, "spec.targets[0].pullSecretRef.key is"),
    ],
)
def test_field_that_this_version_does_not_know_is_named_and_the_rest_is_read(raw: dict[str, Any], where: str) -> None:
    error = unreadable(raw)

    assert (error.reason, str(error).startswith(where)) == (Reason.OPERATOR_TOO_OLD, True), str(error)
    assert error.known is not None
    assert len(error.known.targets) == len(raw["targets"])


@pytest.mark.parametrize(
    ("raw", "where"),
    [
        ({"targets": [{"artifact": "oci://x"}]}, "spec.targets[0].artifact is a field"),
        ({"targets": [TARGET], "unreachablePeers": "Gone"}, "spec.unreachablePeers has a value"),
        ({"targets": [TARGET], "unfinishedDownloads": {"after": 5}}, "spec.unfinishedDownloads has a value"),
        ({"targets": [TARGET], "parallelism": 9000, "pace": "slow"}, "spec.pace is a field"),
        ({"targets": [TARGET], "parallelism": 9000}, "spec.parallelism has a form"),
        ({"targets": [TARGET], "parallelism": "50%"}, "spec.parallelism has a form"),
        ({"targets": [TARGET], "activeDeadlineSeconds": 0}, "spec.activeDeadlineSeconds has a form"),
        ({"targets": [TARGET], "suspend": {"until": "2027-01-01"}}, "spec.suspend has a form"),
        ({"targets": [TARGET], "dryRun": "Server"}, "spec.dryRun has a form"),
        ({"targets": [TARGET], "runID": "x" * 200}, "spec.runID has a form"),
        ({"targets": [TARGET], "schedulerClusterIDs": ["one"]}, "spec.schedulerClusterIDs[0] has a form"),
        ({"targets": [TARGET] * 101}, "spec.targets has a form"),
        ({"targets": []}, "spec.targets has a form"),
        ({"targets": "all"}, "spec.targets has a form"),
        ({}, "spec.targets has a form"),
        (None, "spec has a form"),
        ("spec", "spec has a form"),
    ],
)
def test_spec_that_makes_no_sense_without_what_is_unknown_is_too_new_all_the_same(
    raw: dict[str, Any], where: str
) -> None:
    error = unreadable(raw)

    assert (error.reason, error.known, str(error).startswith(where)) == (Reason.OPERATOR_TOO_OLD, None, True)


@pytest.mark.parametrize(
    "raw",
    [
        {"targets": [{}]},
        {"targets": [TARGET | {"tag": "x"}]},
        {"targets": [{"taskID": "no id"}]},
        {"targets": [{"url": "no url"}]},
        {"targets": [{"url": "https://a.example/x", "pieceLength": "1Ki"}]},
    ],
)
def test_spec_that_breaks_a_rule_in_words_is_invalid(raw: Any) -> None:
    error = unreadable(raw)

    assert (error.reason, error.known) == (Reason.INVALID_SPEC, None)
    assert str(error).startswith("spec")


def test_key_of_what_is_known_is_the_key_of_the_spec_without_the_rest() -> None:
    known = unreadable({"targets": [TARGET | {"layers": "all"}], "pace": "slow"}).known

    assert known is not None
    assert run_key(known) == run_key(read_spec(TaskDeletionSpec, {"targets": [TARGET]}))


def test_values_are_not_told() -> None:
    """They may be secrets: nobody knows what a later version keeps there."""
    assert "s3cret" not in str(unreadable({"targets": [TARGET], "token": "s3cret", "unreachablePeers": "s3cret"}))
