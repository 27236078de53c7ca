"""What is shown of a run, word for word. To change what people see, change the files under tests/data/plugin first."""

from __future__ import annotations

from typing import Any

import pytest

from dragonfly_task_operator.client.rows import Everyone, PeerFailure, PeerRow, from_status
from dragonfly_task_operator.plugin import reporting, showing
from dragonfly_task_operator.plugin.describing import describe
from dragonfly_task_operator.plugin.options import Session
from tests.plugin.rendered import GOLDEN, NOW, SHOWN, body, run

CASES = sorted(path.name for path in GOLDEN.iterdir())


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


@pytest.mark.parametrize("case", CASES)
def test_run_is_described(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    describe(Session(), run(case), NOW)

    assert printed(capsys) == (SHOWN / "describe" / f"{case}.txt").read_text()


@pytest.mark.parametrize("case", CASES)
def test_sentences_fit_eighty_columns_and_nothing_is_coloured_in_a_pipe(
    case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    showing.verdict(Session().screen, run(case))
    showing.advice(Session().screen, run(case))

    text = printed(capsys)
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "\x1b" not in text


def test_earlier_runs_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    past = [
        {"runKey": "b", "runID": "two", "reason": "Deleted", "completionTime": "2026-11-24T00:00:00Z"},
        {
            "runKey": "a",
            "reason": "PeersFailed",
            "completionTime": "2026-11-22T00:00:00Z",
            "peers": {"total": 9, "caching": 3},
        },
    ]

    describe(Session(), run("deletion-deleted", history=past), NOW)

    assert printed(capsys).endswith(
        "Runs:\n"
        "  ENDED   REASON        RUN   RUN-ID   HAD IT\n"
        "  5m      Deleted       b     two      0/0\n"
        "  2d      PeersFailed   a              3/9\n"
    )


def test_run_that_nobody_has_picked_up_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    describe(Session(), run("search-found", observedGeneration=-1), NOW)

    assert "Pending: waiting for the operator" in (shown := printed(capsys))
    assert "What to do: No operator runs, or it does not look after this namespace" in shown


PEERS = (
    PeerRow("id-1", "n1", "10.0.0.1", "normal", 1, "1.5.10", holds=("a", "b"), share=0.5),
    PeerRow("id-2", "seed0", "10.0.0.2", "super", None, None, deleted=("a",)),
    PeerRow(
        "id-3",
        "n3",
        "10.0.0.3",
        "normal",
        2,
        "1.1.0",
        failed=(PeerFailure(("a", "b"), "Internal", "disk\x1b[31m on\nfire", 7, "2026-11-24T00:00:00Z"),),
    ),
)
EVERYONE = Everyone(PEERS, ("a", "b"), ("3 more are told of nowhere",), 1)


def test_peers_are_listed_with_what_there_is_to_tell(capsys: pytest.CaptureFixture[str]) -> None:
    showing.table(Session().screen, PEERS, tasks=2)
    assert printed(capsys) == (
        "HOSTNAME   IP         TYPE     CLUSTER   HAS            COMPLETE   DELETED        FAILURE\n"
        "n1         10.0.0.1   normal   1         2 of 2 tasks   50 %\n"
        "seed0      10.0.0.2   super                                        1 of 2 tasks\n"
        "n3         10.0.0.3   normal   2                                                  "
        "Internal: disk\ufffd[31m on fire\n"
    )

    showing.table(Session().screen, PEERS[:1], tasks=1, wide=True)
    assert printed(capsys) == (
        "HOSTNAME   IP         TYPE     CLUSTER   VERSION   HOST-ID   HAS   COMPLETE\n"
        "n1         10.0.0.1   normal   1         1.5.10    id-1      yes   50 %\n"
    )


def test_long_lists_are_cut_and_say_how_to_see_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    many = Everyone(
        tuple(PeerRow(f"id-{n}", f"n{n:02}", "10.0.0.1", "normal", 1, None, holds=("a",)) for n in range(25))
    )

    showing.peers(Session(), run("search-found"), many)

    lines = printed(capsys).splitlines()
    assert (len(lines), lines[-1]) == (22, "… and 5 more peers: kubectl dragonfly report tsearch/search-found")


def test_report_is_the_same_in_every_form() -> None:
    found = from_status(body("deletion-peers-failed"))
    rows = found.rows
    document = reporting.to_json(run("deletion-peers-failed"), found, rows)
    assert document == (SHOWN / "report.json").read_text().rstrip("\n")
    assert reporting.to_yaml(run("deletion-peers-failed"), found, rows) == (SHOWN / "report.yaml").read_text()
    assert reporting.to_csv(PEERS) == (SHOWN / "report.csv").read_text()


@pytest.mark.parametrize(
    ("how", "names"),
    [
        ({}, ["n1", "seed0", "n3"]),
        ({"holders": True}, ["n1"]),
        ({"failed": True}, ["n3"]),
        ({"holders": True, "failed": True}, ["n1", "n3"]),
        ({"task": "a"}, ["n1", "seed0", "n3"]),
        ({"task": "b"}, ["n1", "n3"]),
        ({"task": "b", "holders": True}, ["n1"]),
        ({"task": "c"}, []),
    ],
)
def test_peers_of_a_report_are_chosen(how: dict[str, Any], names: list[str]) -> None:
    chosen = reporting.chosen(EVERYONE, **({"holders": False, "failed": False, "task": None} | how))

    assert [row.hostname for row in chosen] == names


@pytest.mark.parametrize("words", ["=cmd()", "+1", "-1", "@x"])
def test_words_of_a_peer_become_no_formula_of_a_spreadsheet(words: str) -> None:
    row = PeerRow("i", words, "10.0.0.1", "normal", 1, None)

    assert reporting.to_csv([row]).splitlines()[1].startswith(f"'{words},")
