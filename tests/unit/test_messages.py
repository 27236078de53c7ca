"""What people are told is what the golden files say, in every situation (see tests/messages)."""

from __future__ import annotations

import re

import pytest

from tests.messages.situations import KINDS, golden, said, situations
from tests.registry.login import BASIC, PASSWORD, USER

EVERY = [(kind, title) for kind in KINDS for title in situations(kind)]


@pytest.mark.parametrize(("kind", "title"), EVERY)
async def test_message_is_what_the_golden_file_says(kind: str, title: str) -> None:
    reason, message = await said(situations(kind)[title])

    assert {"reason": reason, "message": message} == golden(kind)[title]


@pytest.mark.parametrize("kind", KINDS)
def test_golden_file_has_nothing_else(kind: str) -> None:
    assert list(golden(kind)) == list(situations(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_every_message_says_what_to_do_and_no_secret(kind: str) -> None:
    shown = re.compile("|".join(map(re.escape, (USER, PASSWORD, BASIC.split()[1]))))
    for title, entry in golden(kind).items():
        assert re.search(r"[;:?] ?\S", entry["message"]), f"{title}: it does not say what to do"
        assert shown.search(entry["message"]) is None, f"{title}: it shows a secret"
