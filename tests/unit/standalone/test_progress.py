"""How far a run is, in a line that fits."""

from __future__ import annotations

import io

import pytest

from dragonfly_task_operator.api.conditions import Reason
from dragonfly_task_operator.api.kinds import TASK_DELETION, TASK_SEARCH
from dragonfly_task_operator.api.manifests import Manifest
from dragonfly_task_operator.api.record import Record
from dragonfly_task_operator.api.specs import TaskDeletionSpec, TaskSearchSpec
from dragonfly_task_operator.api.status import PeerCounts, Status
from dragonfly_task_operator.engine.verdict import Verdict
from dragonfly_task_operator.standalone.progress import Lines, bar, legible, progress_on

TARGETS = {"targets": [{"taskID": "a1" * 32}]}
SEARCH = Manifest(TASK_SEARCH, "find", "default", {}, TaskSearchSpec.model_validate(TARGETS))
DELETION = Manifest(TASK_DELETION, "purge", "default", {}, TaskDeletionSpec.model_validate(TARGETS))
HALF = Status(progress="20/40", peers=PeerCounts(total=40, caching=8, deleted=3, already_absent=17, failed=1))
RUNNING = Verdict(Reason.RUNNING, "20 of 40 settled")


def drawn(manifest: Manifest, results: Status = HALF, verdict: Verdict = RUNNING, *, columns: int = 80) -> str:
    return bar(manifest, results, verdict, seconds=7.4, columns=columns)


def test_bar_of_a_search_counts_who_has_it() -> None:
    assert drawn(SEARCH) == "find  [############------------]  20/40  8 caching  1 failed  7 s"


def test_bar_of_a_deletion_counts_who_is_rid_of_it() -> None:
    assert drawn(DELETION) == "purge  [############------------]  20/40  3 deleted  1 failed  7 s"


def test_what_holds_a_run_up_stands_where_the_bar_would() -> None:
    told = Verdict(Reason.RUNNING, "trying again: no scheduler of cluster \x1b[2J answered", is_held_up=True)

    assert drawn(SEARCH, HALF, told) == "find  trying again: no scheduler of cluster  [2J answered  7 s"


@pytest.mark.parametrize("columns", [1, 20, 40, 60, 80, 200])
@pytest.mark.parametrize("name", ["f", "f" * 253])
def test_line_is_narrower_than_the_terminal(columns: int, name: str) -> None:
    manifest = Manifest(TASK_SEARCH, name, "default", {}, SEARCH.spec)

    for results, verdict in ((HALF, RUNNING), (Status(), Verdict(Reason.RUNNING, "w" * 300))):
        assert len(drawn(manifest, results, verdict, columns=columns)) < max(columns, 2)


def test_log_is_told_of_a_run_that_takes_a_while_and_of_its_end() -> None:
    stream = io.StringIO()
    lines = Lines(stream)

    lines.show(SEARCH, HALF, RUNNING, seconds=0.0)
    lines.show(SEARCH, HALF, RUNNING, seconds=5.01)
    lines.end(
        SEARCH,
        Record({"startTime": "x", "conditions": [{"type": "Succeeded", "reason": "Found", "message": "on\none"}]}),
        seconds=6.04,
    )

    assert stream.getvalue() == "TaskSearch find: 20 of 40 settled (5 s)\nTaskSearch find: Found: on one (6.0 s)\n"


def test_stream_that_nobody_reads_any_more_ends_no_run() -> None:
    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    progress_on(Broken(), {}).show(SEARCH, HALF, RUNNING, seconds=5.0)


def test_what_moves_a_cursor_is_replaced() -> None:
    assert legible("a\x1b]0;title\x07b\r\n\u202ec") == "a ]0;title b   c"
