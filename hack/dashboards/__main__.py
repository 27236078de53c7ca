"""Write the dashboards, and the page that describes them: `python -m hack.dashboards`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from hack.dashboards.operator import OPERATOR
from hack.dashboards.panels import Board, Panel, built
from hack.dashboards.purges import PURGES

BOARDS = (OPERATOR, PURGES)
ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "components" / "monitoring" / "dashboards"
PAGE = ROOT / "docs" / "dashboards.md"

_HEAD = """<!-- Written by `make generate` from hack/dashboards. -->
# Dashboards

[deploy/components/monitoring](../deploy/components/monitoring) has two dashboards for Grafana 10.1 and newer, in a
ConfigMap with the label `grafana_dashboard: "1"`, which the sidecar of Grafana's chart picks up; or import the files of
its folder `dashboards` by hand. Both ask for a Prometheus data source and, where there are several operators, for a
namespace.
"""


def text_of(board: Board) -> str:
    """Give a dashboard's file."""
    return json.dumps(built(board), cls=JSONEncoder, indent=1, sort_keys=True) + "\n"


def page() -> str:
    """Give the page that describes all of them."""
    return "\n".join([_HEAD, *(line for board in BOARDS for line in _described(board))])


def _described(board: Board) -> Iterator[str]:
    yield f"## {board.title}\n\n{board.says}\n"
    for row in board.rows:
        yield f"### {row.title}\n"
        yield from (f"- {_line(panel)}" for panel in row.panels)
        yield ""


def _line(panel: Panel) -> str:
    asked = "; ".join(f"`{query.expr}`" for query in panel.queries)
    return f"**{panel.title}**: {panel.says}" + (f" {asked}" if asked else "")


def main() -> None:
    """Write all files."""
    for board in BOARDS:
        (FOLDER / f"{board.uid}.json").write_text(text_of(board), encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
