"""What an object is about, in a line."""

from __future__ import annotations

from typing import Any

import pytest

from dragonfly_task_operator.api.targets import Target
from dragonfly_task_operator.engine.subject import MAX_SUMMARY, describe

URL = "https://models.example.com/llama.safetensors"
IMAGE = "https://registry.example.com/v2/library/nginx/manifests/"


def described(*targets: dict[str, Any]) -> str:
    return describe([Target.model_validate(target) for target in targets])


@pytest.mark.parametrize(
    ("target", "summary"),
    [
        ({"url": URL}, URL),
        ({"url": URL, "tag": "prod"}, f"{URL} (tag prod)"),
        ({"url": URL, "tag": "prod", "application": "inference"}, f"{URL} (tag prod, application inference)"),
        ({"url": "hf://a/b", "revision": "v1"}, "hf://a/b (revision v1)"),
        ({"url": f"{URL}?sig=abc"}, f"{URL}?sig=REDACTED"),
        ({"url": "https://u:p@example.com/x"}, "https://REDACTED@example.com/x"),
        ({"imageManifestURL": f"{IMAGE}1.27?ns=x"}, "registry.example.com/library/nginx:1.27"),
        ({"imageManifestURL": f"{IMAGE}sha256:ab"}, "registry.example.com/library/nginx@sha256:ab"),
        (
            {"imageManifestURL": f"{IMAGE}1.27", "platform": "linux/amd64"},
            "registry.example.com/library/nginx:1.27 (platform linux/amd64)",
        ),
        ({"image": "nginx:1.27"}, "nginx:1.27"),
        ({"image": "ghcr.io/org/app", "platform": "linux/arm64"}, "ghcr.io/org/app (platform linux/arm64)"),
        ({"url": f"{URL}?a='b c'&sig=abc#abc"}, f"{URL}?a=REDACTED&sig=REDACTED#REDACTED"),
        ({"contentForCalculatingTaskID": f"{URL}?sig=abc"}, f"content {URL}?sig=REDACTED"),
        ({"taskID": "a1" * 32}, f"task {'a1' * 32}"),
        ({"contentForCalculatingTaskID": "nightly\n\tdata\x00set"}, "content nightly data\x00set"),
    ],
)
def test_target_is_named_by_what_it_was_given(target: dict[str, Any], summary: str) -> None:
    assert described(target) == summary


def test_first_target_stands_for_all() -> None:
    assert described({"url": URL, "tag": "prod"}, {"url": URL}, {"url": URL}) == f"{URL} (tag prod) and 2 more"


def test_summary_is_a_line_of_bounded_length() -> None:
    summary = described({"contentForCalculatingTaskID": "x" * 9999}, {"url": URL})

    assert (len(summary), summary[-12:]) == (MAX_SUMMARY, "xxx… and 1 more"[-12:])
