"""A dashboard as this project says it: rows of panels, each of which shows one thing and says what.

What Grafana reads is made of it by Grafana's own library, which knows the fields and their types.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from grafana_foundation_sdk.builders import common as make_common
from grafana_foundation_sdk.builders import dashboard as make
from grafana_foundation_sdk.builders import prometheus, stat, table, text, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SELECTOR = 'namespace=~"$namespace"'
"""What every query selects by."""

SOURCE = dashboard.DataSourceRef(type_val="prometheus", uid="${datasource}")
_WITHOUT_TIME = dashboard.DataTransformerConfig(id_val="organize", options={"excludeByName": {"Time": True}})
STAT_HEIGHT, HEIGHT = 4, 8


class Shape(Enum):
    """How a panel looks."""

    NUMBER = auto()
    """One number, red from 1 on where it counts what should not be."""
    LINES = auto()
    STACK = auto()
    TABLE = auto()
    WORDS = auto()


@dataclass(frozen=True, slots=True)
class Query:
    """What Prometheus is asked, and how a series is called: `{{reason}}` stands for a label."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One thing to see.

    Attributes:
        says: what it shows and what to make of it, for people.
        unit: Grafana's name of it.
        bad_from: from this number on it is red.
        words: of a panel of words, in Markdown.
    """

    title: str
    says: str
    queries: Sequence[Query] = ()
    shape: Shape = Shape.LINES
    unit: str = "short"
    width: int = 8
    bad_from: float | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """Panels that belong together."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard.

    Attributes:
        uid: by which it is known, in its file's name and in links.
    """

    uid: str
    title: str
    says: str
    rows: Sequence[Row]

    def queries(self) -> Iterator[Query]:
        """Give all of them."""
        for row in self.rows:
            for panel in row.panels:
                yield from panel.queries


def built(board: Board) -> dashboard.Dashboard:
    """Make what Grafana reads."""
    maker = (
        make.Dashboard(board.title)
        .uid(board.uid)
        .description(board.says)
        .tags(["dragonfly"])
        .time("now-6h", "now")
        .refresh("1m")
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .with_variable(make.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .with_variable(
            make.QueryVariable("namespace")
            .label("Namespace of the operator")
            .query({"query": "label_values(dragonfly_task_operator_build_info, namespace)", "refId": "namespace"})
            .datasource(SOURCE)
            .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
            .multi(True)
            .include_all(True)
            .all_value(".*")
        )
    )
    for row in board.rows:
        maker.with_row(make.Row(row.title))
        for panel in row.panels:
            maker.with_panel(_panel(panel))
    dashboard_ = maker.build()
    for number, each in enumerate(dashboard_.panels or (), start=1):
        each.id_val = number
    return dashboard_


def _panel(panel: Panel) -> Builder[dashboard.Panel]:
    match panel.shape:
        case Shape.WORDS:
            return text.Panel().title(panel.title).content(panel.words).span(panel.width).height(STAT_HEIGHT * 2)
        case Shape.NUMBER:
            return _number(panel)
        case Shape.TABLE:
            return _table(panel)
        case _:
            return _lines(panel)


def _number(panel: Panel) -> stat.Panel:
    maker = stat.Panel().title(panel.title).description(panel.says).datasource(SOURCE).unit(panel.unit)
    maker.span(panel.width).height(STAT_HEIGHT).thresholds(_thresholds(panel)).no_value("0")
    maker.reduce_options(make_common.ReduceDataOptions().calcs(["lastNotNull"]))
    for target in _targets(panel):
        maker.with_target(target)
    return maker


def _table(panel: Panel) -> table.Panel:
    maker = table.Panel().title(panel.title).description(panel.says).datasource(SOURCE).unit(panel.unit)
    maker.span(panel.width).height(HEIGHT).show_header(True)
    maker.with_transformation(_WITHOUT_TIME)
    for target in _targets(panel):
        maker.with_target(target.instant().format(PromQueryFormat.TABLE))
    return maker


def _lines(panel: Panel) -> timeseries.Panel:
    maker = timeseries.Panel().title(panel.title).description(panel.says).datasource(SOURCE).unit(panel.unit)
    maker.span(panel.width).height(HEIGHT).min(0)
    maker.legend(
        make_common.VizLegendOptions()
        .display_mode(common.LegendDisplayMode.LIST)
        .placement(common.LegendPlacement.BOTTOM)
        .show_legend(True)
    )
    maker.fill_opacity(10)
    if panel.shape is Shape.STACK:
        maker.stacking(make_common.StackingConfig().mode(common.StackingMode.NORMAL)).fill_opacity(30)
    for target in _targets(panel):
        maker.with_target(target)
    return maker


def _targets(panel: Panel) -> Iterator[prometheus.Dataquery]:
    for number, query in enumerate(panel.queries):
        yield (
            prometheus.Dataquery()
            .ref_id(chr(ord("A") + number))
            .expr(query.expr)
            .legend_format(query.legend or "__auto")
            .datasource(SOURCE)
        )


def _thresholds(panel: Panel) -> make.ThresholdsConfig:
    steps = [dashboard.Threshold(value=None, color="green")]
    if panel.bad_from is not None:
        steps.append(dashboard.Threshold(value=panel.bad_from, color="red"))
    return make.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE).steps(steps)
