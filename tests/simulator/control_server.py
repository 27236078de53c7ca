"""The world over HTTP on loopback, for a test, demo or benchmark in another process.

Each verb is one function: `POST /VERB` with its arguments as a JSON object, answered with JSON. A mistake in the
question is 400 with `error`. `control.py` is the client; a person may use curl:

    curl -d '{"task_id": "…"}' http://127.0.0.1:PORT/holders

Who is meant (`on`) is written as for `SimulatedCluster.select`: "all", a number (the first so many), "seeds", or names
with commas; where schedulers can be meant, also "schedulers" or "scheduler0,scheduler1".
"""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from tests.simulator.faults import Fault
from tests.simulator.scheduler import Scheduler
from tests.simulator.tasks import DEFAULT_CONTENT_LENGTH, DEFAULT_PIECE_LENGTH, LocalTask, State
from tests.simulator.world import SimulatedCluster

_DONE: dict[str, Any] = {}


async def describe(world: SimulatedCluster) -> dict[str, Any]:
    """Who is there, and how each can be reached."""
    return {
        "schedulers": world.scheduler_addresses,
        "peers": {each.hostname: each.target for each in world.peers},
        "links": {each.hostname: each.link for each in world.peers if not each.is_serving},
        "scheduler_links": [each.link for each in world.schedulers],
    }


async def holders(world: SimulatedCluster, *, task_id: str) -> dict[str, Any]:
    """Hostname to state, for each peer that really has anything of the task."""
    return dict(world.states(task_id))


async def delete_requests(world: SimulatedCluster) -> list[Any]:
    """[hostname, task id] of each deletion that was asked for."""
    return list(world.delete_requests)


async def hung_downloads(world: SimulatedCluster) -> list[Any]:
    """[hostname, task id] of each download that a deletion made hang."""
    return sorted(world.hung_downloads)


async def calls(world: SimulatedCluster) -> dict[str, Any]:
    """Counts: of all peers together, of each that was called, of each scheduler; and connections."""
    called = [each for each in world.peers if each.calls]
    return {
        "peers": world.calls,
        "by_peer": {each.hostname: each.calls for each in called},
        "schedulers": [each.calls for each in world.schedulers],
        "connections": {each.hostname: len(each.clients) for each in called},
        "open_connections": world.open_connections(),
        "most_per_second": max((max(each.per_second.values(), default=0) for each in called), default=0),
        "crashed_by": sorted({method for each in world.endpoints("everything") for method in each.crashed_by}),
    }


async def forget_calls(world: SimulatedCluster) -> dict[str, Any]:
    """Count from zero."""
    world.forgets_calls()
    return _DONE


async def caches(
    world: SimulatedCluster,
    *,
    task_id: str,
    on: str = "all",
    content_length: int = DEFAULT_CONTENT_LENGTH,
    piece_length: int = DEFAULT_PIECE_LENGTH,
    state: str = State.CACHED,
    uploading: int = 0,
    url: str = "",
    finishes_after: float | None = None,
) -> dict[str, Any]:
    """Put a task on peers; one that is downloading finishes after so many seconds, where that is given."""
    task = LocalTask(
        task_id=task_id,
        content_length=content_length,
        piece_length=piece_length,
        state=State(state),
        uploading=uploading,
        url=url,
    )
    for peer in world.select(on):
        peer.stores(task, finishes_after=finishes_after)
    return _DONE


async def finishes(world: SimulatedCluster, *, task_id: str) -> dict[str, Any]:
    """Complete a download wherever it goes on."""
    for peer in world.peers:
        peer.finishes(task_id)
    return _DONE


async def leaves(world: SimulatedCluster, *, on: str) -> dict[str, Any]:
    """Stop peers in good order: schedulers list them no more."""
    await asyncio.gather(*(peer.leaves() for peer in world.select(on)))
    return _DONE


async def moves(world: SimulatedCluster, *, on: str, in_good_order: bool = True) -> dict[str, Any]:
    """Let peers of these names start anew at other addresses, with nothing in their storage."""
    for peer in world.select(on):
        await world.moves(peer, in_good_order=in_good_order)
    return _DONE


async def fails(world: SimulatedCluster, *, on: str = "all", **fault: Any) -> dict[str, Any]:
    """Set a fault, whose fields are those of `Fault`, on peers or schedulers."""
    for each in world.endpoints(on):
        each.faults.add(Fault.from_json(fault))
    return _DONE


async def recovers(world: SimulatedCluster, *, on: str = "everything", call: str | None = None) -> dict[str, Any]:
    """Clear faults."""
    for each in world.endpoints(on):
        each.recovers(call)
    return _DONE


async def becomes(world: SimulatedCluster, *, on: str, link: str) -> dict[str, Any]:
    """Change what there is at addresses; see `Link`."""
    await asyncio.gather(*(each.becomes(link) for each in world.endpoints(on)))
    return _DONE


async def restarts(world: SimulatedCluster, *, on: str = "schedulers") -> dict[str, Any]:
    """Restart schedulers: they know no hosts until those announce themselves."""
    await asyncio.gather(*(each.restarts() for each in _schedulers(world, on)))
    return _DONE


async def announce(world: SimulatedCluster, *, on: str = "all") -> dict[str, Any]:
    """Let these peers, where they are up, announce themselves to every scheduler that is up."""
    for peer in world.select(on):
        if peer.is_serving:
            peer.announces()
    return _DONE


async def forget_hosts(world: SimulatedCluster, *, hosts: str = "all", on: str = "schedulers") -> dict[str, Any]:
    """Let schedulers list these peers no more, so that schedulers can disagree."""
    host_ids = [peer.host_id for peer in world.select(hosts)]
    for scheduler in _schedulers(world, on):
        scheduler.forgets_hosts(host_ids)
    return _DONE


async def list_dead_hosts(world: SimulatedCluster, *, count: int, on: str = "schedulers") -> list[Any]:
    """Let schedulers list hosts where nothing listens; gives their names."""
    return list(world.lists_dead_hosts(count, on=_schedulers(world, on)))


async def list_hosts(world: SimulatedCluster, *, peers: dict[str, str]) -> dict[str, Any]:
    """Let schedulers list peers of another simulator, given as hostname to HOST:PORT."""
    world.lists_hosts(peers)
    return _DONE


async def refresh_schedulers(world: SimulatedCluster) -> dict[str, Any]:
    """Let peers look again which schedulers answer."""
    world.peers_refresh_schedulers()
    return _DONE


async def conditions(world: SimulatedCluster, **changes: Any) -> dict[str, Any]:
    """Change `latency` (seconds) and `requests_per_second` (null: any number); gives what they are now."""
    if unknown := changes.keys() - {"latency", "requests_per_second"}:
        raise ValueError(f"no condition {', '.join(sorted(unknown))}; there are latency and requests_per_second")
    for name, value in changes.items():
        setattr(world.conditions, name, value)
    return {"latency": world.conditions.latency, "requests_per_second": world.conditions.requests_per_second}


Verb = Callable[..., Awaitable[Any]]
_ALL: tuple[Verb, ...] = (
    describe,
    holders,
    delete_requests,
    hung_downloads,
    calls,
    forget_calls,
    caches,
    finishes,
    leaves,
    moves,
    fails,
    recovers,
    becomes,
    restarts,
    announce,
    forget_hosts,
    list_dead_hosts,
    list_hosts,
    refresh_schedulers,
    conditions,
)
VERBS: dict[str, Verb] = {verb.__name__: verb for verb in _ALL}


@asynccontextmanager
async def served(world: SimulatedCluster, *, port: int = 0) -> AsyncIterator[str]:
    """Serve the verbs on loopback while the context lasts; gives the URL. Port 0 is any that is free."""

    async def answer(request: web.Request) -> web.Response:
        name = request.match_info["verb"]
        verb = VERBS.get(name)
        if verb is None:
            return _mistake(f"no verb {name!r}; there are {', '.join(VERBS)}")
        try:
            question = json.loads(await request.text() or "{}")
            inspect.signature(verb).bind(world, **question)
            return web.json_response(await verb(world, **question))
        except (ValueError, LookupError, TypeError) as mistake:
            return _mistake(f"{type(mistake).__name__}: {mistake}")

    app = web.Application()
    app.router.add_post("/{verb}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _mistake(text: str) -> web.Response:
    return web.json_response({"error": text}, status=400)


def _schedulers(world: SimulatedCluster, on: str) -> list[Scheduler]:
    return [each for each in world.endpoints(on) if isinstance(each, Scheduler)]
