"""What an object is about, in a line for people: `status.summary`."""

from __future__ import annotations

from collections.abc import Sequence

from dragonfly_task_operator.api.targets import Target
from dragonfly_task_operator.observability.redaction import cut, redact, redact_url

MAX_SUMMARY = 256
"""Characters of a line."""


def describe(targets: Sequence[Target]) -> str:
    """Name the first target, and say how many there are besides. URLs are redacted."""
    more = f" and {len(targets) - 1} more" if len(targets) > 1 else ""
    return cut(_name(targets[0]), MAX_SUMMARY - len(more)) + more


def _name(target: Target) -> str:
    """Name a target by what it was given. A way to name targets that is added has its place here."""
    if target.url is not None:
        name = redact_url(target.url)
    elif target.image_reference is not None:
        name = image_name(target.image_reference)
    elif target.task_id is not None:
        name = f"task {target.task_id}"
    else:
        name = f"content {redact(target.content_for_calculating_task_id or '')}"
    given = [
        f"{word} {value}"
        for word, value in (
            ("tag", target.tag),
            ("application", target.application),
            ("revision", target.revision),
            ("platform", target.platform),
        )
        if value
    ]
    return " ".join(f"{name} ({', '.join(given)})".split() if given else name.split())


def image_name(reference: str) -> str:
    """Give the name that people pull an image by: itself, or that of the manifest that a URL leads to."""
    if "://" not in reference:
        return reference
    repository, _, tag = reference.partition("?")[0].rpartition("/manifests/")
    return repository.partition("://")[2].replace("/v2/", "/", 1) + ("@" if ":" in tag else ":") + tag
