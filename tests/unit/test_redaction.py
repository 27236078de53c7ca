"""Secrets in URLs don't get out, wherever the URL stands."""

from __future__ import annotations

import pytest

from dragonfly_task_operator.observability.redaction import redact


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("https://h/x?X-Amz-Signature=s3cret&v=1", "https://h/x?X-Amz-Signature=REDACTED&v=REDACTED"),
        ("https://user:pass@h/x", "https://REDACTED@h/x"),
        ('GET "/x?token=s3cret": 403', 'GET "/x?token=REDACTED": 403'),
        ("task not found", "task not found"),
    ],
)
def test_secrets_are_replaced(text: str, redacted: str) -> None:
    assert redact(text) == redacted
