"""The alerts, and promtool, which is given an operator's series as a story and asked about it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

from hack.controlplane.programs import tool
from hack.installation import ROOT

COMPONENT = ROOT / "deploy" / "components" / "monitoring"
P = "dragonfly_task_operator"
TARGET = {"namespace": "dragonfly", "job": "operator", "instance": "10.0.0.1:8080"}
"""What Prometheus adds to each series that it scrapes."""
RAN, MINUTES = 30, 90
"""When the runs happen, and how long the story is that is told to Prometheus."""


def rules() -> dict[str, Any]:
    """What a PrometheusRule holds, as Prometheus itself reads it."""
    spec: dict[str, Any] = yaml.safe_load((COMPONENT / "prometheus-rule.yaml").read_text())["spec"]
    return spec


def named_in(exprs: Iterable[str]) -> set[str]:
    """Give the metrics that queries ask for."""
    return {name for expr in exprs for name in re.findall(rf"(?:{P}|process)_\w+", expr)}


ALERTS = {rule["alert"]: rule for group in rules()["groups"] for rule in group["rules"]}
NAMED = named_in(rule["expr"] for rule in ALERTS.values())


@dataclass(frozen=True, slots=True)
class Series:
    """One of the operator's, and its value at each minute in promtool's notation."""

    name: str
    labels: tuple[tuple[str, str], ...]
    values: str

    def to_json(self) -> dict[str, str]:
        labels = ",".join(f"{name}={json.dumps(value)}" for name, value in self.labels)
        return {"series": f"{self.name}{{{labels}}}", "values": self.values}


Key = tuple[str, tuple[tuple[str, str], ...]]


def scraped(text: str) -> dict[Key, float]:
    """Take in what an operator gives, as Prometheus does: the value of each series."""
    return {
        (sample.name, tuple(sorted({**sample.labels, **TARGET}.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@dataclass(frozen=True, slots=True)
class Story:
    """What Prometheus scraped of an operator before and after runs."""

    before: dict[Key, float]
    after: dict[Key, float]
    text: str
    """What the operator gave in the end."""
    peers: dict[str, int]
    """Of all deletions but the dry run together, by the statuses' own counts."""

    def series(self) -> list[Series]:
        """Tell it: what was there before, minute by minute, and from then on what was there after."""
        return [
            Series(name, labels, f"{self.before.get((name, labels), '_')}x{RAN - 1} {value}x{MINUTES - RAN}")
            for (name, labels), value in self.after.items()
        ]

    def quiet(self) -> list[Series]:
        """Give what was scraped in the end, all the time; of those that rules name, which is all that they see."""
        return [
            Series(name, labels, f"{value}x{MINUTES}") for (name, labels), value in self.after.items() if name in NAMED
        ]


@dataclass(frozen=True, slots=True)
class Promtool:
    """Prometheus' own tool, with the rules in a folder."""

    folder: Path

    def __post_init__(self) -> None:
        (self.folder / "rules.yaml").write_text(yaml.safe_dump(rules()))

    def says(self, *arguments: str, given: str | None = None) -> tuple[int, str]:
        """Give its exit code and all that it prints."""
        command = [str(tool("promtool")), *arguments]
        done = subprocess.run(command, cwd=self.folder, input=given, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def holds(self, *cases: dict[str, Any]) -> None:
        """Have it run tests of the rules, all of which must hold."""
        body = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": cases}
        (self.folder / "test.yaml").write_text(json.dumps(body))
        code, said = self.says("test", "rules", "test.yaml")
        assert code == 0, said


def case(series: Sequence[Series], *, at: int, name: str, expr: str, values: dict[str, float]) -> dict[str, Any]:
    """One of promtool's tests: what an expression gives at a minute."""
    return {
        "name": name,
        "interval": "1m",
        "input_series": [each.to_json() for each in series],
        "promql_expr_test": [
            {
                "expr": expr,
                "eval_time": f"{at}m",
                "exp_samples": [{"labels": labels, "value": value} for labels, value in values.items()],
            }
        ],
    }


def firing(series: Sequence[Series], *alerts: str, at: int, name: str) -> dict[str, Any]:
    """Say that exactly these alerts fire."""
    values = {f'{{alertname="{alert}"}}': 1.0 for alert in alerts}
    expr = 'count by (alertname) (ALERTS{alertstate="firing"}) > bool 0'
    return case(series, at=at, name=name, expr=expr, values=values)
