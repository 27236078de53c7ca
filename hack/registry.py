"""Docker's registry for tests and the demo: the one on the PATH, or Debian's package, unpacked into the cache folder.

Installing the package would start its service; unpacking it starts nothing and needs no rights.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from hack.controlplane.cache import alone_in, cache_folder
from hack.controlplane.errors import ControlPlaneError

PACKAGE = "docker-registry"


def find() -> Path:
    """Give the program. Raises ControlPlaneError, which says how to get it."""
    if found := shutil.which(PACKAGE):
        return Path(found)
    folder = cache_folder() / PACKAGE
    program = folder / "usr" / "bin" / PACKAGE
    folder.mkdir(exist_ok=True)
    with alone_in(folder):
        if not program.exists():
            _unpack(folder)
    return program


def _unpack(folder: Path) -> None:
    if shutil.which("apt-get") is None:
        raise ControlPlaneError(f"there is no {PACKAGE} on the PATH, and no apt-get to get it with: put one there")
    download = ["apt-get", "download", "-q", PACKAGE]
    done = subprocess.run(download, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0 and os.geteuid() == 0:
        # A fresh machine has no lists of packages yet.
        subprocess.run(["apt-get", "update", "-q"], capture_output=True, check=False)
        done = subprocess.run(download, cwd=folder, capture_output=True, text=True, check=False)
    packages = sorted(folder.glob("*.deb"))
    if done.returncode != 0 or not packages:
        raise ControlPlaneError(
            f"{PACKAGE} can't be downloaded with apt-get; run apt-get update, or put a {PACKAGE} on the PATH",
            log=done.stderr,
        )
    subprocess.run(["dpkg", "-x", packages[-1], folder], check=True)


def main() -> int:
    """Print where it is; returns the exit code."""
    try:
        print(find())
    except ControlPlaneError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
