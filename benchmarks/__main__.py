"""`make bench`: measure the rows, print the table, write JSON and a chart, and fail if a bound is missed."""

from __future__ import annotations

import resource
import sys
import time
import traceback
from pathlib import Path

import click

from benchmarks import quoting
from benchmarks.checking import worse
from benchmarks.golang import program
from benchmarks.results import LATEST, REFERENCE, Measurement, Report, machine, table
from benchmarks.rows import DEFAULT, ROWS
from benchmarks.stage import control_plane
from hack.controlplane.server import ControlPlane


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--rows", default=",".join(DEFAULT), help=f"Which, with commas: {', '.join(ROWS)}; or all.")
@click.option("--tries", default=5, help="Runs of the operator for each ratio, of which the median counts.")
@click.option("--out", type=click.Path(path_type=Path), default=LATEST, help="Folder for bench.json and bench.svg.")
@click.option("--reference", is_flag=True, help="Make these figures the reference: of these rows, others stay.")
@click.option("--check", is_flag=True, help="Fail if a ratio is worse than in the reference by more than the noise.")
def main(*, rows: str, tries: int, out: Path, reference: bool, check: bool) -> None:
    """Measure the operator beside bare loops of grpc-go and grpc.aio, on a real API server and peers in Go."""
    chosen = list(ROWS) if rows == "all" else rows.split(",")
    if unknown := [name for name in chosen if name not in ROWS]:
        raise click.UsageError(f"no row {', '.join(unknown)}; there are {', '.join(ROWS)}")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # inherited by the operator, the peers and the loops
    program()
    known = Report.read(REFERENCE) if check else None
    report = Report(machine(), {})
    began = time.monotonic()
    with control_plane() as running:
        for name in chosen:
            started = time.monotonic()
            print(f"measuring {name}", file=sys.stderr, flush=True)
            report.rows[name] = _measure(running, name, tries)
            print(f"measured {name} in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
            report.write(out)  # what has been measured is not lost with what has not
    print(f"measured everything in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    print(table(report))
    is_well = all(each.is_ok for each in report.figures)
    if check and known is not None:
        complaints = worse(report, known)
        print("\n".join(complaints) or "no ratio is worse than in the reference by more than the noise")
        is_well = is_well and not complaints
    if reference:
        (Report.read(REFERENCE).updated(report) if (REFERENCE / "bench.json").exists() else report).write(REFERENCE)
        quoting.main()
    if not is_well:
        sys.exit(1)


def _measure(running: ControlPlane, name: str, tries: int) -> list[Measurement]:
    """Measure a row. One that can't be measured is one that is missed, and keeps no other from being measured."""
    try:
        return ROWS[name](running, tries)
    except Exception as trouble:  # noqa: BLE001 -- whatever it is, half an hour of figures shall not be lost by it
        traceback.print_exc()
        return [Measurement(what=f"{name}: measured; {type(trouble).__name__}: {trouble}", value=0, at_least=1)]


if __name__ == "__main__":
    main()
