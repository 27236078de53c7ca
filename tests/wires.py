"""What peers are asked with in tests: each transport in turn, where a module says `usefixtures("each_transport")`."""

from __future__ import annotations

from collections.abc import Callable

from dragonfly_task_operator.dragonfly.channels import ChannelPool
from dragonfly_task_operator.dragonfly.lean.wire import LeanWire
from dragonfly_task_operator.dragonfly.wire import GrpcWire, Wire

WIRES: dict[str, Callable[[ChannelPool], Wire]] = {
    "lean": lambda pool: LeanWire(pool, secured=GrpcWire(pool)),
    "grpc": GrpcWire,
}
current = "lean"
"""Whose turn it is."""


def wire_of(pool: ChannelPool) -> Wire:
    """Make the wire whose turn it is."""
    return WIRES[current](pool)
