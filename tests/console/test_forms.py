"""What a person types becomes a manifest, or words at the field that they are about."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dragonfly_task_operator.api.kinds import TASK_DELETION, TASK_SEARCH
from dragonfly_task_operator.console.forms import WAYS, Form, Refused

URL = "https://models.example.com/llama.safetensors"
TASK = "a1" * 32
FIELDS = [way.field for way in WAYS] + [
    "tag",
    "application",
    "pieceLength",
    "filteredQueryParams",
    "noFilter",
    "revision",
    "platform",
    "keepSharedWith",
    "includeReferrers",
    "pullSecret",
    "caSecret",
]


def spec_of(**typed: str) -> dict[str, Any]:
    return dict(Form({"keep": "yes", **typed}).manifest(TASK_SEARCH, namespace="default")["spec"])


@pytest.mark.parametrize(
    ("typed", "target"),
    [
        ({"way": "url", "url": f"  {URL} "}, {"url": URL}),
        ({"url": URL}, {"url": URL}),
        ({"way": "image", "image": "nginx:1.27"}, {"image": "nginx:1.27"}),
        (
            {"way": "image", "image": "https://r.example.com/v2/library/nginx/manifests/1.27"},
            {"imageManifestURL": "https://r.example.com/v2/library/nginx/manifests/1.27"},
        ),
        ({"way": "taskID", "taskID": TASK}, {"taskID": TASK}),
        (
            {"way": "contentForCalculatingTaskID", "contentForCalculatingTaskID": "nightly"},
            {"contentForCalculatingTaskID": "nightly"},
        ),
        (
            {"url": URL, "tag": "prod", "application": "ml", "pieceLength": "16Mi", "revision": "v1"},
            {"url": URL, "tag": "prod", "application": "ml", "pieceLength": "16Mi", "revision": "v1"},
        ),
        ({"url": URL, "filteredQueryParams": "a, b c"}, {"url": URL, "filteredQueryParams": ["a", "b", "c"]}),
        ({"url": URL, "noFilter": "yes"}, {"url": URL, "filteredQueryParams": []}),
        ({"url": URL, "filteredQueryParams": "a", "noFilter": "yes"}, {"url": URL, "filteredQueryParams": []}),
        (
            {"way": "image", "image": "nginx", "caSecret": "c", "includeReferrers": "yes"},
            {"image": "nginx", "caSecretRef": {"name": "c"}, "includeReferrers": True},
        ),
        (
            {
                "way": "image",
                "image": "nginx",
                "platform": "linux/amd64",
                "pullSecret": "r",
                "keepSharedWith": "a:1 b:2",
            },
            {
                "image": "nginx",
                "platform": "linux/amd64",
                "pullSecretRef": {"name": "r"},
                "keepSharedWith": ["a:1", "b:2"],
            },
        ),
        # What was typed at another way, and is hidden now, is no part of it.
        ({"way": "taskID", "taskID": TASK, "url": URL, "tag": "prod", "noFilter": "yes"}, {"taskID": TASK}),
    ],
    ids=range(13),
)
def test_target(typed: dict[str, str], target: dict[str, Any]) -> None:
    assert spec_of(**typed) == {"targets": [target]}


@pytest.mark.parametrize(
    ("typed", "field", "words"),
    [
        ({}, "url", "give a URL"),
        ({"way": "image"}, "image", "give the name of an image"),
        ({"url": "models.example.com/x"}, "url", "must be absolute"),
        ({"way": "taskID", "taskID": "A1"}, "taskID", "64 lowercase hex digits"),
        ({"way": "image", "image": "NGINX"}, "image", "lower case"),
        ({"way": "image", "image": "https://r.example.com/nginx"}, "image", "manifest"),
        ({"way": "image", "image": "nginx", "platform": "amd64"}, "platform", "os/architecture"),
        ({"url": URL, "pieceLength": "1Mi"}, "pieceLength", "at least 4Mi"),
        ({"url": URL, "schedulerClusterIDs": "one"}, "schedulerClusterIDs", "numbers of scheduler clusters"),
    ],
    ids=range(9),
)
def test_what_makes_no_manifest_is_told_at_its_field(typed: dict[str, str], field: str, words: str) -> None:
    with pytest.raises(Refused) as refused:
        spec_of(**typed)

    assert words in refused.value.problems[field]


def test_clusters_are_numbers() -> None:
    assert spec_of(url=URL, schedulerClusterIDs="1, 2")["schedulerClusterIDs"] == [1, 2]


def test_what_is_not_to_be_kept_goes_a_day_after_it_has_finished() -> None:
    spec = Form({"url": URL}).manifest(TASK_SEARCH, namespace="default")["spec"]

    assert spec["ttlSecondsAfterFinished"] == 86_400


def test_deletion_is_made_as_a_dry_run() -> None:
    made = Form({"url": URL}).manifest(TASK_DELETION, namespace="team")

    assert (made["kind"], made["spec"]["dryRun"]) == ("TaskDeletion", True)
    assert made["metadata"] == {"generateName": "delete-", "namespace": "team"}


def test_name_is_the_one_that_was_given() -> None:
    made = Form({"url": URL, "name": "mine"}).manifest(TASK_SEARCH, namespace="team", default_name="other")

    assert made["metadata"] == {"name": "mine", "namespace": "team"}


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    typed=st.dictionaries(
        st.sampled_from([*FIELDS, "way", "name", "keep", "schedulerClusterIDs"]),
        st.one_of(
            st.text("aZ9é٣ ,:/@.\\\0\n", max_size=12),
            st.sampled_from([*FIELDS, TASK, URL, "nginx", "9" * 5000, "16Mi"]),
        ),
    )
)
def test_whatever_is_typed_makes_a_manifest_or_words(typed: dict[str, str]) -> None:
    try:
        made = Form(typed).manifest(TASK_DELETION, namespace="default")
    except Refused as refused:
        problems = refused.problems
    else:
        problems = {}
        TASK_DELETION.spec.model_validate(made["spec"])
    assert all(problems.values())
