"""The rows of the table, a module each.

A row is a function from a control plane and a number of tries to figures. Adding one is writing its module and naming
it here. `DEFAULT` is what `make bench` runs.
"""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.results import Measurement
from benchmarks.rows import (
    at_rest,
    crowd,
    deletion,
    hanging,
    hostile,
    image,
    index,
    many,
    search,
    starting,
    tasks,
    vast,
    wide,
    writes,
)
from hack.controlplane.server import ControlPlane

Row = Callable[[ControlPlane, int], list[Measurement]]

ROWS: dict[str, Row] = {
    "search": search.measure,
    "deletion": deletion.measure,
    "serial": deletion.measure_against_serial_loop,
    "wide": wide.measure,
    "tasks": tasks.measure,
    "image": image.measure,
    "index": index.measure,
    "hanging": hanging.measure,
    "hostile": hostile.measure,
    "many": many.measure,
    "crowd": crowd.measure,
    "starting": starting.measure,
    "writes": writes.measure,
    "vast": vast.measure,
    "at-rest": at_rest.measure,
}

DEFAULT = ("search", "deletion", "wide", "image", "writes")
