"""The programs in Go: built into the cache folder with the Go that the control plane is built with, once."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

from hack.controlplane.cache import alone_in, cache_folder
from hack.controlplane.errors import ControlPlaneError
from hack.controlplane.processes import run_aloud
from hack.controlplane.programs import Pins
from hack.controlplane.toolchain import find_go

_MODULE = Path(__file__).with_name("peers")


def program() -> Path:
    """Give the program of `benchmarks/peers`, built first if need be. Raises ControlPlaneError."""
    sources = sorted([*_MODULE.glob("*.go"), _MODULE / "go.mod", _MODULE / "go.sum"])
    content = hashlib.sha256(b"\0".join(source.read_bytes() for source in sources))
    system = os.uname()
    cache = cache_folder()
    key = f"{content.hexdigest()[:10]}-{system.sysname.lower()}-{system.machine}"
    built = cache / "benchmark-peers" / key / "peers"
    if not built.exists():
        with alone_in(cache):
            if not built.exists():
                _build(built, cache)
    return built


def _build(built: Path, cache: Path) -> None:
    go = find_go(needed=Pins.read().go, cache=cache)
    built.parent.mkdir(parents=True, exist_ok=True)
    partial = built.with_name(".peers.partial")
    log = built.with_name("build.log")
    run_aloud(
        [go.command, "build", "-trimpath", "-buildvcs=false", "-o", partial, "."],
        what="building the peers and the yardstick of the benchmarks, once",
        remedy="see the output of go below; it needs its module proxy (GOPROXY)",
        log=log,
        environment=go.environment(),
        directory=_MODULE,
    )
    partial.rename(built)
    log.unlink()


def main() -> int:
    """Print where it is; returns the exit code."""
    try:
        print(program())
    except ControlPlaneError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
