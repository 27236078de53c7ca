"""The recording in docs/recordings: whoever deletes sees now what was seen then. RECORD=1 makes it anew."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from hack.demo import world
from hack.installation import ROOT
from tests.docs.documents import settled
from tests.plugin.emulator import record, screen, written_in
from tests.plugin.terminal import COLUMNS, ROWS, Plugin
from tests.simulator.control import Simulation

pytestmark = [pytest.mark.controlplane, pytest.mark.usefixtures("operator", "objects")]

RECORDING = ROOT / "docs" / "recordings" / "delete.cast"
DOCUMENT = ROOT / "docs" / "kubectl-dragonfly.md"
WORDS = ("delete", "--content", "nightly-dataset-2026-11", "--name", "purge")
PROMPT = f"$ kubectl dragonfly {' '.join(WORDS)}\r\n"


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulation]:
    with world.dragonfly() as running:
        yield running


def test_deletion_at_a_terminal_is_as_it_was_recorded(editor: Plugin) -> None:
    assert editor("search", "--content", "the operator is there").code == 0
    with editor.at_terminal(*WORDS) as terminal:
        terminal.until("Delete it? [y/N]: ")
        terminal.types("y")
        assert terminal.ends() == 0

    shown = screen(PROMPT + terminal.raw)
    if os.environ.get("RECORD"):
        events = [(0.0, PROMPT), *terminal.events]
        record(RECORDING, events, columns=COLUMNS, rows=ROWS, title="kubectl dragonfly delete")
    assert settled(shown) == settled(screen(written_in(RECORDING)))
    assert max(map(len, shown.splitlines())) <= COLUMNS
    assert shown in DOCUMENT.read_text()
