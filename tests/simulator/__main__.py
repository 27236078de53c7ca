"""The simulated cluster as a program, for the demo, for benchmarks, and for tests of a whole operator process."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import re
import resource
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from tests.simulator.conditions import DFDAEMON_REQUESTS_PER_SECOND
from tests.simulator.control_server import served
from tests.simulator.faults import Fault, Link
from tests.simulator.tls import ServerFiles
from tests.simulator.world import SimulatedCluster

_UNITS = {"ms": 0.001, "s": 1.0}


class Duration(click.ParamType[float]):
    """Seconds, written like 10ms or 1.5s."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read it; a number that is given as default stays."""
        if isinstance(value, (int, float)):
            return float(value)
        written = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s)", value)
        if written is None:
            self.fail(f"{value!r} is no duration; write 10ms or 1.5s", param, ctx)
        return float(written[1]) * _UNITS[written[2]]


class Assignment(click.ParamType[tuple[str, str]]):
    """NAME=VALUE."""

    name = "assignment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Split it at the first "="."""
        if isinstance(value, tuple):
            return value
        name, separator, rest = value.partition("=")
        if not separator:
            self.fail(f"{value!r} is not written NAME=VALUE", param, ctx)
        return name, rest


class FaultWords(click.ParamType[str]):
    """WHO CALL KIND [KEY=VALUE...]."""

    name = "fault"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check it; each endpoint gets a fault of its own from it later."""
        try:
            Fault.parse(value)
        except ValueError as mistake:
            self.fail(str(mistake), param, ctx)
        return str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What the world looks like when it is ready."""

    caches: Sequence[tuple[str, str]]
    downloads: Sequence[tuple[str, str]]
    faults: Sequence[str]
    links: Sequence[tuple[str, str]]
    dead_hosts: int
    content_length: int

    async def set_in(self, world: SimulatedCluster) -> None:
        """Put it there. Raises KeyError or ValueError for somebody who is not there."""
        for task_id, on in self.caches:
            world.caches(task_id, on=world.select(on), content_length=self.content_length)
        for task_id, on in self.downloads:
            for peer in world.select(on):
                peer.downloads(task_id, content_length=self.content_length)
        for words in self.faults:
            for each in world.endpoints(Fault.parse(words)[0]):
                each.faults.add(Fault.parse(words)[1])
        for on, link in self.links:
            await asyncio.gather(*(each.becomes(link) for each in world.endpoints(on)))
        world.lists_dead_hosts(self.dead_hosts)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--schedulers", default=1, help="Schedulers, at 127.3.0.1 and on.")
@click.option("--peers", default=3, help="Peers n0, n1, …, at 127.1.0.1 and on.")
@click.option("--first-peer", default=0, help="Number of the first peer, where several simulators make one cluster.")
@click.option("--seeds", default=0, help="Seed peers seed0, seed1, …, at 127.2.0.1 and on.")
@click.option("--ipv6", is_flag=True, help='One more peer, "v6", and scheduler at ::1.')
@click.option("--scheduler-at", "schedulers_at", multiple=True, metavar="IP", help="One more scheduler, there.")
@click.option("--scheduler-port", default=0, help="0: any that is free.")
@click.option("--peer-port", default=0, help="0: any that is free.")
@click.option("--control-port", default=0, help="Of the control interface on 127.0.0.1; 0: any that is free.")
@click.option("--latency", type=Duration(), default=0.0, help="Before each answer of a peer or scheduler: 10ms.")
@click.option("--rate-limit", default=DFDAEMON_REQUESTS_PER_SECOND, help="Requests a second to one peer; 0: none.")
@click.option("--announce-interval", type=Duration(), default=None, help="Peers announce themselves so often.")
@click.option("--tls", is_flag=True, help="Mutual TLS with the certificates in tests/simulator/tls.")
@click.option("--tls-folder", type=click.Path(path_type=Path), help="With ca.crt, tls.crt and tls.key from there.")
@click.option("--cache", "caches", type=Assignment(), multiple=True, help="TASKID=all|N|seeds|NAME,NAME: cached there.")
@click.option("--download", "downloads", type=Assignment(), multiple=True, help="TASKID=…: being downloaded there.")
@click.option("--content-length", default=64 * 1024 * 1024, help="Bytes, of the tasks given here.")
@click.option(
    "--fault",
    "faults",
    type=FaultWords(),
    multiple=True,
    help="WHO CALL KIND [KEY=VALUE…], e.g. 'n3,n4 delete fails code=UNAVAILABLE after=yes times=2'.",
)
@click.option(
    "--link",
    "links",
    type=Assignment(),
    multiple=True,
    help=f"WHO=LINK, e.g. n3=refused or scheduler0=mute: {', '.join(Link)}.",
)
@click.option("--dead-hosts", default=0, help="Hosts that schedulers list and that are not there.")
@click.option("--ready-file", type=click.Path(path_type=Path), help="Also write the line of JSON to this file.")
@click.option("--until-stdin-ends", is_flag=True, help="Stop when stdin ends: when whoever started this is gone.")
def main(
    *,
    control_port: int,
    rate_limit: int,
    ready_file: Path | None,
    until_stdin_ends: bool,
    tls: bool,
    tls_folder: Path | None,
    caches: Sequence[tuple[str, str]],
    downloads: Sequence[tuple[str, str]],
    faults: Sequence[str],
    links: Sequence[tuple[str, str]],
    dead_hosts: int,
    content_length: int,
    **world: Any,
) -> None:
    """Run a simulated Dragonfly cluster until SIGTERM or SIGINT.

    When it is ready it prints one line of JSON: "schedulers" (addresses), "control" (URL), "pid", "peers" (how many).
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    scene = Scene(
        caches=caches,
        downloads=downloads,
        faults=faults,
        links=links,
        dead_hosts=dead_hosts,
        content_length=content_length,
    )
    cluster = SimulatedCluster(
        **world,
        requests_per_second=rate_limit or None,
        tls=ServerFiles.in_folder(tls_folder) if tls_folder else tls,
    )
    try:
        asyncio.run(_run(cluster, scene, control_port, ready_file, until_stdin_ends=until_stdin_ends))
    except (LookupError, ValueError, OSError) as mistake:
        raise click.ClickException(str(mistake.args[0] if isinstance(mistake, LookupError) else mistake)) from mistake


async def _run(
    cluster: SimulatedCluster, scene: Scene, control_port: int, ready_file: Path | None, *, until_stdin_ends: bool
) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    if until_stdin_ends:
        loop.add_reader(sys.stdin.fileno(), _stop_at_end, stopped)
    async with cluster as world, served(world, port=control_port) as url:
        await scene.set_in(world)
        ready = {
            "schedulers": world.scheduler_addresses,
            "control": url,
            "pid": os.getpid(),
            "peers": len(world.peers),
        }
        if ready_file is not None:
            _write_whole(ready_file, json.dumps(ready) + "\n")
        # Thousands of servers are no garbage: looking through them again and again takes a sixth of all the time.
        gc.collect()
        gc.freeze()
        click.echo(json.dumps(ready))
        sys.stdout.flush()
        await stopped.wait()
        if until_stdin_ends:
            loop.remove_reader(sys.stdin.fileno())


def _stop_at_end(stopped: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        stopped.set()


def _write_whole(path: Path, text: str) -> None:
    """Whoever waits for the file shall never read a part of it."""
    beside = path.with_name(f"{path.name}.part")
    beside.write_text(text)
    beside.replace(path)


if __name__ == "__main__":
    main()
