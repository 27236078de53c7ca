"""What to do is said of every reason that docs/when-it-fails.md has, and of no other."""

from __future__ import annotations

import re

import pytest

from dragonfly_task_operator.api.conditions import GOING, SUCCESSES, Reason
from dragonfly_task_operator.client import advice
from dragonfly_task_operator.errors import PeerReason
from hack.installation import ROOT


def reasons_of(heading: str) -> set[str]:
    """Give the reasons in the first column of the table under a heading of the document."""
    text = (ROOT / "docs" / "when-it-fails.md").read_text().partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return {
        reason for row in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE) for reason in re.findall(r"`(\w+)`", row)
    }


@pytest.mark.parametrize("reason", PeerReason)
def test_every_reason_of_a_peer_has_its_advice_and_its_row_in_the_docs(reason: PeerReason) -> None:
    assert advice.on_peers(reason)
    assert reason in reasons_of("Reasons of a peer")


@pytest.mark.parametrize("reason", sorted(set(Reason) - GOING - SUCCESSES))
def test_every_failure_of_a_run_has_its_advice(reason: Reason) -> None:
    assert advice.on_run(reason)


@pytest.mark.parametrize("reason", sorted(reasons_of("Reasons of a run") - {"Pending", "Running"}))
def test_what_the_docs_have_a_row_for_has_its_advice(reason: str) -> None:
    assert advice.on_run(reason)


def test_reason_of_another_version_has_no_advice() -> None:
    assert (advice.on_peers("Moonstruck"), advice.on_run("Moonstruck")) == (None, None)
