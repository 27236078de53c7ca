"""`make bench`: measure the rows, print the table, write JSON and a chart, and fail if a bound is missed."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import click

from benchmarks.results import Measurement, machine, table, write
from benchmarks.rows import DEFAULT, ROWS
from benchmarks.stage import control_plane


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--rows", default=",".join(DEFAULT), help=f"Which, with commas: {', '.join(ROWS)}; or all.")
@click.option("--tries", default=5, help="Runs of the operator for each ratio, of which the median counts.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("benchmarks/results/latest"), help="Folder.")
def main(rows: str, tries: int, out: Path) -> None:
    """Measure the operator beside a bare grpc.aio loop, on a real API server and a simulated Dragonfly."""
    chosen = list(ROWS) if rows == "all" else rows.split(",")
    if unknown := [name for name in chosen if name not in ROWS]:
        raise click.UsageError(f"no row {', '.join(unknown)}; there are {', '.join(ROWS)}")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # inherited by the operator and the simulators
    where = machine()
    measured: list[Measurement] = []
    with control_plane() as running:
        for name in chosen:
            print(f"measuring {name}", file=sys.stderr, flush=True)
            measured += ROWS[name](running, tries)
    print(table(measured))
    write(out, measured, where)
    if not all(each.is_ok for each in measured):
        sys.exit(1)


if __name__ == "__main__":
    main()
