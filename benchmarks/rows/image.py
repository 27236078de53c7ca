"""TaskSearch of an image of 20 blobs on 1,000 peers: every id that its parts can have, from a real registry."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.comparing import compare
from benchmarks.results import Measurement
from benchmarks.stage import stage
from dragonfly_task_operator.dragonfly.task_ids import url_candidates
from hack.controlplane.server import ControlPlane
from tests.registry.image import Image, blob, config, manifest
from tests.registry.real import RealRegistry, real_registry

PEERS = 1000
CACHED_ON = 100
LAYERS = 19
NAME, TAG = "team/app", "1"
MOST_TRIES = 3
"""Each asks 43,000 times, and so does the loop beside it."""


def measure(control_plane: ControlPlane, tries: int) -> list[Measurement]:
    """Compare with the bare loop, and count connections and requests to one peer in a second."""
    with TemporaryDirectory() as folder, real_registry(Path(folder, "registry")) as registry:
        image = _push(registry)
        target = {"imageManifestURL": registry.url(NAME, TAG)}
        tasks = _ids(image, registry)
        with stage(control_plane, peers=PEERS, settings=[f"--registry-allowlist={registry.origin}"]) as on:
            for task in tasks:
                on.cache(task, CACHED_ON)
            compared = compare(
                on, "TaskSearch", tasks, targets=[target], reason="Found", tries=min(tries, MOST_TRIES), floors=1
            )
            on.cool_down()
            on.forget_requests()
            on.run("TaskSearch", reason="Found", targets=[target])
            pace = max(each.control.calls()["most_per_second"] for each in on.simulations)
            return [
                compared.ratio("search of an image of 20 blobs on 1,000 peers, to the bare loop", at_most=1.4),
                compared.writes("image: status writes"),
                Measurement(what="image: most connections to one peer", value=on.most("connections"), at_most=1),
                Measurement(what="image: most requests to one peer in a second", value=pace, at_most=300),
                on.operator_memory("image: operator's peak memory", at_most=256),
            ]


def _push(registry: RealRegistry) -> Image:
    described = config()
    layers = [blob(f"layer {number}") for number in range(LAYERS)]
    root = manifest(described, *layers)
    image = Image(root, (root,), (described, *layers))
    registry.push(image, NAME, TAG)
    return image


def _ids(image: Image, registry: RealRegistry) -> list[str]:
    """Give what docs/images.md says that the parts can be cached as."""
    repository = f"{registry.origin}/v2/{NAME}"
    urls = [f"{repository}/blobs/{each.digest}" for each in image.blobs]
    urls += [registry.url(NAME, image.root.digest), registry.url(NAME, TAG)]
    by_url = [candidate.task_id for url in urls for candidate in url_candidates(url)]
    return [each.hex for each in (*image.blobs, image.root)] + by_url
