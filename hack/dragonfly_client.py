"""Dragonfly's own dfdaemon and dfget, built from the crate `dragonfly-client` into the cache folder.

`make test-real` runs on them. The build is cargo's, by crate name and version, without the optimisations that make a
release build take hours on a small machine: half an hour on two cores, once. Interrupted, it goes on where it was.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from hack.controlplane.cache import cache_folder
from hack.controlplane.errors import ControlPlaneError

VERSION = "1.5.10"
_PROGRAMS = ("dfdaemon", "dfget")
_TOOLS = ("cargo", "protoc", "clang", "cmake", "pkg-config")
_PACKAGES = "protobuf-compiler libprotobuf-dev libclang-dev clang cmake pkg-config libssl-dev"
_QUICK = {
    "CARGO_PROFILE_RELEASE_LTO": "off",
    "CARGO_PROFILE_RELEASE_OPT_LEVEL": "1",
    "CARGO_PROFILE_RELEASE_DEBUG": "0",
}


def main() -> int:
    """Build what is missing and print the folder for DRAGONFLY_BIN_DIR; returns the exit code."""
    try:
        folder = cache_folder() / "dragonfly-client" / VERSION
    except ControlPlaneError as error:
        return _refuse(str(error))
    programs = folder / "bin"
    if not all((programs / name).exists() for name in _PROGRAMS):
        if missing := [tool for tool in _TOOLS if shutil.which(tool) is None]:
            return _refuse(
                f"{', '.join(missing)} not found on the PATH, which building dragonfly-client {VERSION} needs;"
                f" install Rust with cargo, and on Debian: apt-get install {_PACKAGES}"
            )
        print(f"building dragonfly-client {VERSION} in {folder}, once: half an hour or more", file=sys.stderr)
        if code := _install(folder):
            return _refuse(
                f"cargo install of dragonfly-client {VERSION} ended with {code}; its output above says why"
                f" (a library that is missing? On Debian: apt-get install {_PACKAGES}); run this again to go on"
            )
    print(programs)
    return 0


def _install(folder: Path) -> int:
    # Where cargo builds is kept until all is well, so that the next attempt need not begin anew.
    built = folder / "target"
    command = ["cargo", "install", f"dragonfly-client@{VERSION}", "--locked", f"--root={folder}"]
    command += [f"--bin={name}" for name in _PROGRAMS]
    environment = os.environ | _QUICK | {"CARGO_TARGET_DIR": str(built)}
    code = subprocess.run(command, env=environment, check=False).returncode
    if code == 0:
        shutil.rmtree(built)
    return code


def _refuse(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
