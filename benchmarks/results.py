"""What was measured, against what must be reached: as a table, as JSON with the machine, and as a chart."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

_LARGE = 10
"""From here on, what is behind the point means nothing."""

LIBRARIES = ("grpcio", "kopf", "kubernetes", "pydantic")

_RESULTS = Path(__file__).parent / "results"
LATEST = _RESULTS / "latest"
REFERENCE = _RESULTS / "reference"
"""What is committed: README and docs/scale.md quote it, and `make bench-check` compares with it."""

_SAME_MACHINE = ("cores", "cpu", "python")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One figure.

    Attributes:
        what: in words; beside other figures of the same row.
        unit: after the figure: " x", " MiB".
        at_most, at_least: what must be reached; neither for a figure that is only told.
        obstacle: what stands in the way where it is not reached, for a row that knows.
        detail: what the figure was made from.
    """

    what: str
    value: float
    unit: str = ""
    at_most: float | None = None
    at_least: float | None = None
    obstacle: str = ""
    detail: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, figure: Mapping[str, Any]) -> Measurement:
        """Read what `Report.write` wrote."""
        return cls(**{name: value for name, value in figure.items() if name != "ok"})

    @property
    def is_ok(self) -> bool:
        """Whether what must be reached is reached."""
        return (self.at_most is None or self.value <= self.at_most) and (
            self.at_least is None or self.value >= self.at_least
        )

    @property
    def share(self) -> float | None:
        """How much of what is allowed is used, from 0 to 1 where it is reached; None where nothing must be."""
        if self.at_most == 0:
            return float("inf") if self.value else 0.0
        if self.at_most is not None:
            return self.value / self.at_most
        if self.at_least is None:
            return None
        return self.at_least / self.value if self.value else float("inf")

    @property
    def figure(self) -> str:
        """The value, to the digits that mean something."""
        digits = 0 if self.value >= _LARGE or self.value == int(self.value) else 2
        return f"{self.value:.{digits}f}{self.unit}"

    @property
    def bound(self) -> str:
        """What must be reached, in words."""
        if self.at_most is not None:
            return f"at most {self.at_most:g}{self.unit}"
        return "" if self.at_least is None else f"at least {self.at_least:g}{self.unit}"


def machine() -> dict[str, Any]:
    """Tell where and with what it was measured."""
    models = (
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        if line.startswith("model name")
    )
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "cpu": next(models, platform.machine()),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        **{library: version(library) for library in LIBRARIES},
    }


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured by one machine.

    Attributes:
        machine: as `machine` told it.
        rows: the figures of each row.
    """

    machine: Mapping[str, Any]
    rows: dict[str, list[Measurement]]

    @classmethod
    def read(cls, folder: Path) -> Report:
        """Read `bench.json`. Raises FileNotFoundError."""
        written = json.loads((folder / "bench.json").read_text(encoding="utf-8"))
        rows = {name: [Measurement.from_json(each) for each in row] for name, row in written["rows"].items()}
        return cls(written["machine"], rows)

    @property
    def figures(self) -> Iterator[Measurement]:
        """Every figure of every row."""
        return (each for row in self.rows.values() for each in row)

    def figure(self, what: str) -> Measurement:
        """Find a figure by its words. Raises KeyError."""
        found = next((each for each in self.figures if each.what == what), None)
        if found is None:
            raise KeyError(f"nothing was measured that is called {what!r}")
        return found

    def updated(self, newer: Report) -> Report:
        """Put rows in the place of these. Rows of another machine or Python are left out: ratios would not compare."""
        is_same = all(self.machine.get(each) == newer.machine.get(each) for each in _SAME_MACHINE)
        return Report(newer.machine, {**(self.rows if is_same else {}), **newer.rows})

    def write(self, folder: Path) -> None:
        """Write `bench.json` and `bench.svg`."""
        folder.mkdir(parents=True, exist_ok=True)
        rows = {name: [asdict(each) | {"ok": each.is_ok} for each in row] for name, row in self.rows.items()}
        written = json.dumps({"machine": self.machine, "rows": rows}, indent=2)
        (folder / "bench.json").write_text(f"{written}\n")
        (folder / "bench.svg").write_text(chart(list(self.figures), self.machine))


def table(report: Report) -> str:
    """Write figures for people, a line each."""
    lines = [("what", "measured", "must reach", "")]
    for each in report.figures:
        verdict = "" if each.share is None else "ok" if each.is_ok else "MISSED"
        lines.append((each.what, each.figure, each.bound, verdict))
    widths = [max(len(line[column]) for line in lines) for column in range(4)]
    told = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([*told, *obstacles(report.figures)])


def obstacles(figures: Iterable[Measurement]) -> list[str]:
    """Say of each bound that is missed what stands in its way, where that is known."""
    return [f"MISSED: {each.what}: {each.obstacle}" for each in figures if not each.is_ok and each.obstacle]


def chart(measurements: Sequence[Measurement], where: Mapping[str, Any]) -> str:
    """Draw how much of what is allowed each figure uses, as SVG: a bar that crosses the line is too long."""
    bounded = [(each, each.share) for each in measurements if each.share is not None]
    start, full, row = 640, 300, 26
    bottom = row * len(bounded) + 12
    bars = []
    for index, (each, share) in enumerate(bounded):
        top = 12 + row * index
        width = min(share, 1.3) * full
        told = f"{each.figure} ({each.bound})"
        bars += [
            _text(start - 10, top + 14, each.what, anchor="end"),
            f'<rect x="{start}" y="{top}" width="{width:.0f}" height="18" fill="{_GOOD if each.is_ok else _BAD}"/>',
            _text(start + max(width, full) + 8, top + 14, told),
        ]
    note = f"{where['cores']} cores of {where['cpu']}, Python {where['python']}, {str(where['date'])[:10]}"
    return _SVG.format(
        width=start + full + 260,
        height=bottom + 30,
        bars="\n".join(bars),
        line=start + full,
        bottom=bottom,
        note=_text(start, bottom + 18, f"share of what is allowed; {note}"),
    )


_GOOD, _BAD = "#2a7f62", "#c0392b"

_SVG = """<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif"
 font-size="13">
<rect width="100%" height="100%" fill="white"/>
{bars}
<line x1="{line}" y1="4" x2="{line}" y2="{bottom}" stroke="black" stroke-dasharray="4"/>
{note}
</svg>
"""


def _text(x: float, y: float, text: str, *, anchor: str = "start") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{escape(text)}</text>'
