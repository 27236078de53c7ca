"""The figures that README and docs/scale.md quote: tables made of the committed reference, and of nothing else.

A document has two comments, `<!-- figures: NAME -->` and `<!-- end of figures -->`; what is between them is written by
`make bench REFERENCE=1`, or by `python -m benchmarks.quoting`, and a test holds that it is what would be written.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence

from benchmarks.results import REFERENCE, Measurement, Report, obstacles
from hack.installation import ROOT

DOCUMENTS = (ROOT / "README.md", ROOT / "docs" / "scale.md")

_BLOCK = re.compile(r"(<!-- figures: (?P<name>[\w-]+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)

SEARCH = "search of 1 task on 2,000 peers"
DELETION = "deletion on 500 of 2,000 peers"
WIDE = "search of 1 task on 10,000 peers"
IMAGE = "search of an image of 43 ids on 1,000 peers"
INDEX = "search of an index of 150 ids on 10,000 peers, unpaced"
VAST = "search of 1 task on 50,000 peers in 5 clusters"
HANGING = "search of 1 task on 2,000 peers, 5 % of which hang"
MANY = "1,000 deletions at once, unpaced"
CROWD = "3,000 searches at once, unpaced"
RUN_SEARCH, RUN_DELETION = "search on 2,000 peers, found on 500", "deletion on 2,000 peers, found on 500"

_TO_GO, _TO_AIO, _TIME = "time to the Go loop's", "time to the grpc.aio loop's", "from apply to Finished"
_CPU, _MEMORY = "CPU of the operator", "operator's peak memory"
_PIPELINED = f"{_TO_GO}, 4 requests at a time to a peer"
_PAIR = "CPU of the operator a pair"
_WRITES, _BYTES, _PAGES = "writes to the API server a run", "bytes of these a run", "of these in TaskReports a run"
_LOG, _SERVERS = "bytes in etcd's log a run", "CPU of the API server and etcd a run"

SELECTIONS: Mapping[str, Sequence[tuple[str, str]]] = {
    "readme": [
        (SEARCH, _TO_GO),
        (SEARCH, _TO_AIO),
        (DELETION, _TO_GO),
        (WIDE, _TO_GO),
        (WIDE, _MEMORY),
        (IMAGE, _PIPELINED),
        (INDEX, _TIME),
        (INDEX, _PAIR),
    ],
    "time": [
        (SEARCH, _TIME),
        (SEARCH, _CPU),
        (HANGING, "how much longer than without (rpcTimeout 5 s)"),
        (DELETION, _TIME),
        (DELETION, _CPU),
        (WIDE, _TIME),
        (WIDE, _CPU),
        (IMAGE, _TIME),
        (IMAGE, _CPU),
        (INDEX, _TIME),
        (INDEX, _PAIR),
        (VAST, _TIME),
        (VAST, _CPU),
        (VAST, f"{_TIME}, of one cluster alone"),
    ],
    "memory": [
        (SEARCH, _MEMORY),
        (WIDE, _MEMORY),
        (IMAGE, _MEMORY),
        (INDEX, _MEMORY),
        (VAST, _MEMORY),
        (VAST, "most open files of the operator"),
        (VAST, "a scheduler's list of hosts"),
    ],
    "writes": [
        (run, figure)
        for run in (RUN_SEARCH, RUN_DELETION, VAST)
        for figure in (_WRITES, _BYTES, _PAGES, _LOG, _SERVERS)
    ],
    "crowds": [
        (MANY, "runs a second, from the first apply to the last end"),
        (MANY, _MEMORY),
        (CROWD, "runs a second, from the first apply to the last end"),
        (CROWD, "time to a bare client's that makes the same writes"),
        (CROWD, _MEMORY),
        (CROWD, _WRITES),
        (CROWD, _BYTES),
        (CROWD, _LOG),
        (CROWD, _SERVERS),
        (CROWD, "requests answered 429"),
    ],
}


def quoted(text: str, report: Report) -> str:
    """Put the figures of a report into a document. Raises KeyError for a selection that there is not."""
    return _BLOCK.sub(lambda match: f"{match[1]}{_table(SELECTIONS[match['name']], report)}{match[3]}", text)


def _table(selection: Sequence[tuple[str, str]], report: Report) -> str:
    known = {each.what: each for each in report.figures}
    lines = [_where(report), "", "| | measured | must reach | |", "|---|---|---|---|"]
    for about, figure in selection:
        what = f"{about}: {figure}"
        lines.append(f"| {what} | {' | '.join(_cells(known.get(what)))} |")
    shown = [known[what] for what in (f"{about}: {figure}" for about, figure in selection) if what in known]
    lines += [line for obstacle in obstacles(shown) for line in ("", obstacle)]
    return "\n".join(lines) + "\n"


def _cells(figure: Measurement | None) -> tuple[str, str, str]:
    if figure is None:
        return "not measured yet", "", ""
    verdict = "" if figure.share is None else "ok" if figure.is_ok else "missed"
    return figure.figure, figure.bound, verdict


def _where(report: Report) -> str:
    machine = report.machine
    return (
        f"{machine['cores']} cores of {machine['cpu']}, Python {machine['python']}, grpcio {machine['grpcio']},"
        f" {str(machine['date'])[:10]}:"
    )


def main() -> int:
    """Write what the reference says into the documents; returns the exit code."""
    report = Report.read(REFERENCE)
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        if (now := quoted(text, report)) != text:
            document.write_text(now, encoding="utf-8")
            print(f"wrote the figures of {document.relative_to(ROOT)}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
