"""TaskSearch of an image of 20 blobs on 1,000 peers: every id that its parts can have, from a real registry."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.before import times_faster
from benchmarks.comparing import compare
from benchmarks.images import push_image
from benchmarks.results import Measurement
from benchmarks.stage import stage
from hack.controlplane.server import ControlPlane
from tests.registry.real import real_registry

PEERS = 1000
CACHED_ON = 100
LAYERS = 19
PIPELINE = 4
PACE = 100
"""The operator's default of requests a second to one peer."""
PACED = (
    "the Go loop keeps no pace; the operator asks a peer a tenth of peerRequestsPerSecond at once and the rest at even"
    " distances: 43 ids take a third of a second at each, and 1,000 peers, 256 at a time, 1.3 s, whatever they cost"
)


def measure(control_plane: ControlPlane, tries: int) -> list[Measurement]:
    """Compare with the bare loops, and count connections and requests to one peer in a second."""
    what = "search of an image of 43 ids on 1,000 peers"
    with TemporaryDirectory() as folder, real_registry(Path(folder, "registry")) as registry:
        image = push_image(registry, layers=LAYERS)
        with stage(control_plane, peers=PEERS, settings=[f"--registry-allowlist={registry.origin}"]) as on:
            on.fleet.cache(image.ids, CACHED_ON)
            compared = compare(
                what,
                on,
                "TaskSearch",
                image.ids,
                targets=[{"imageManifestURL": image.url}],
                reason="Found",
                tries=tries,
                floors=1,
                pipeline=PIPELINE,
            )
            on.cool_down()
            on.fleet.forget_calls()
            on.run("TaskSearch", reason="Found", targets=[{"imageManifestURL": image.url}])
            to_go = compared.wall("Go", at_most=1.0, note=", 4 requests at a time to a peer", obstacle=PACED)
            return [
                to_go,
                compared.cpu("Go", at_most=None),
                times_faster(to_go, at_least=4),
                compared.wall("grpc.aio", at_most=1.4),
                compared.seconds(),
                compared.cpu_seconds(),
                compared.writes(),
                Measurement(
                    what=f"{what}: most connections to one peer", value=on.fleet.most("connections"), at_most=1
                ),
                Measurement(
                    what=f"{what}: most requests to one peer in a second",
                    value=on.fleet.most("per_second"),
                    at_most=PACE,
                ),
                on.operator_memory(f"{what}: operator's peak memory", at_most=256),
            ]
