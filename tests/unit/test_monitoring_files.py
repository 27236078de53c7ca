"""What is written for Prometheus and Grafana, as files: taken by their own tools, and each alert with its page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from hack.dashboards.__main__ import BOARDS, FOLDER, PAGE, page, text_of
from hack.dashboards.panels import Board
from hack.installation import ROOT
from tests.promtool import ALERTS, Promtool

RUNBOOKS = ROOT / "docs" / "runbooks"


def test_rules_are_what_prometheus_takes(tmp_path: Path) -> None:
    code, said = Promtool(tmp_path).says("check", "rules", "--lint=all", "--lint-fatal", "rules.yaml")

    assert code == 0, said
    assert f"{len(ALERTS)} rules found" in said


def test_each_alert_has_a_page_that_its_runbook_url_names_and_each_page_an_alert() -> None:
    assert {alert: rule["annotations"]["runbook_url"] for alert, rule in ALERTS.items()} == {
        alert: f"docs/runbooks/{alert}.md" for alert in ALERTS
    }
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == ALERTS.keys()
    for alert in ALERTS:
        assert (RUNBOOKS / f"{alert}.md").read_text().startswith(f"# {alert}\n")


def test_links_of_runbooks_lead_somewhere() -> None:
    links = [
        (path.name, link)
        for path in RUNBOOKS.glob("*.md")
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text())
    ]

    assert [(name, link) for name, link in links if not (RUNBOOKS / link).exists()] == []
    assert links


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_dashboard_is_what_grafanas_library_reads_and_is_written_anew(board: Board) -> None:
    text = (FOLDER / f"{board.uid}.json").read_text()
    read = json.loads(text)

    assert text == text_of(board), "run make generate"
    register_default_plugins()
    # It leaves out what it does not know, and puts in what it wants.
    assert json.loads(json.dumps(Dashboard.from_json(read), cls=JSONEncoder)) == read


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_panels_have_numbers_and_places_of_their_own(board: Board) -> None:
    panels = json.loads((FOLDER / f"{board.uid}.json").read_text())["panels"]
    places = [panel["gridPos"] for panel in panels]

    taken = [
        (x, y)
        for place in places
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len(set(taken)) == len(taken)
    assert max(x for x, _ in taken) < 24


def test_page_describes_every_panel() -> None:
    assert PAGE.read_text() == page(), "run make generate"
    for board in BOARDS:
        for row in board.rows:
            for panel in row.panels:
                assert f"**{panel.title}**: {panel.says}" in PAGE.read_text()
