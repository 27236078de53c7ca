"""A simulated Dragonfly cluster: real servers on real sockets, and the truth about what they hold.

In process, from a test:

    async with SimulatedCluster(schedulers=3, peers=50, seeds=2) as world:
        world.caches(task_id, on=world.select("n1,n2"))
        world.peer("n2").fails("delete", code=grpc.StatusCode.INTERNAL, after=True)
        ...
        assert world.holders(task_id) == set()

In a process of its own, for demos and benchmarks: `python -m tests.simulator`, started and asked through
`tests.simulator.control`. It answers as docs/dragonfly-behaviour.md says, traps included: a simulator that is kinder
hides bugs.
"""

from __future__ import annotations

from tests.simulator.faults import Fault, FaultKind, Link
from tests.simulator.peer import DeleteRequest, Peer
from tests.simulator.scheduler import Scheduler
from tests.simulator.tasks import LocalTask, State
from tests.simulator.world import SimulatedCluster

__all__ = [
    "DeleteRequest",
    "Fault",
    "FaultKind",
    "Link",
    "LocalTask",
    "Peer",
    "Scheduler",
    "SimulatedCluster",
    "State",
]
