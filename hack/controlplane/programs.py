"""Programs of Go modules, built into the cache folder: those of the control plane, and helm and promtool for tests.

They share one go.mod, and so the packages that they have in common, which are most of them, are compiled once.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hack.controlplane.cache import alone_in, cache_folder
from hack.controlplane.errors import ControlPlaneError
from hack.controlplane.processes import run_aloud, say
from hack.controlplane.toolchain import find_go

_MODULE = Path(__file__).parent
_KUBERNETES = "k8s.io/kubernetes"


@dataclass(frozen=True, slots=True)
class Pins:
    """What go.mod asks for: the version of Go, and of each module."""

    go: str
    modules: Mapping[str, str]

    @classmethod
    def read(cls) -> Pins:
        """Read the committed go.mod."""
        text = (_MODULE / "go.mod").read_text(encoding="utf-8")
        go = re.search(r"^go (\S+)$", text, re.MULTILINE)
        modules = dict(re.findall(r"^\t(\S+) (v\S+)(?: // indirect)?$", text, re.MULTILINE))
        if go is None or _KUBERNETES not in modules:
            raise ControlPlaneError(f"{_MODULE / 'go.mod'} names no {_KUBERNETES} or go version; restore it from git")
        return cls(go=go[1], modules=modules)

    @property
    def kubernetes(self) -> str:
        """The version of Kubernetes, such as v1.36.3."""
        return self.modules[_KUBERNETES]


@dataclass(frozen=True, slots=True)
class _Program:
    """What `go build` is told of a program.

    Attributes:
        module: whose version the program tells people; a stamp has it in the place of VERSION.
        stamps: variables that are set when linking. MAJOR and MINOR are those of Kubernetes.
    """

    package: str
    module: str = _KUBERNETES
    tags: str = ""
    stamps: Mapping[str, str] = field(default_factory=dict)


_KUBERNETES_STAMPS = {
    f"{package}.{key}": value
    for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    for key, value in {"gitVersion": "VERSION", "gitMajor": "MAJOR", "gitMinor": "MINOR"}.items()
}
_PROGRAMS = {
    "etcd": _Program("go.etcd.io/etcd/server/v3"),
    "kube-apiserver": _Program("k8s.io/kubernetes/cmd/kube-apiserver", stamps=_KUBERNETES_STAMPS),
    "kubectl": _Program("k8s.io/kubernetes/cmd/kubectl", stamps=_KUBERNETES_STAMPS),
    "helm": _Program(
        "helm.sh/helm/v3/cmd/helm",
        module="helm.sh/helm/v3",
        stamps={
            "helm.sh/helm/v3/internal/version.version": "VERSION",
            # Which Kubernetes charts are rendered and linted for where no cluster is asked.
            **{
                f"helm.sh/helm/v3/pkg/{package}.k8sVersion{part}": part.upper()
                for package in ("chartutil", "lint/rules")
                for part in ("Major", "Minor")
            },
        },
    ),
    "promtool": _Program(
        "github.com/prometheus/prometheus/cmd/promtool",
        module="github.com/prometheus/prometheus",
        # Rules are checked and tried with it, and nothing is discovered: the SDKs of two dozen clouds stay out.
        tags="remove_all_sd",
        stamps={"github.com/prometheus/common/version.Version": "VERSION"},
    ),
}


def tool(name: str) -> Path:
    """Give the program helm or promtool, built first if need be. Raises ControlPlaneError."""
    return ensure_built([name], pins=Pins.read()) / name


def ensure_built(names: Sequence[str], *, pins: Pins) -> Path:
    """Return the cache's folder for this go.mod, with at least the named programs in it.

    Each program appears by a rename once it is whole, so that nobody ever meets half of one. Raises ControlPlaneError.
    """
    cache = cache_folder()
    modules = hashlib.sha256((_MODULE / "go.mod").read_bytes() + (_MODULE / "go.sum").read_bytes())
    system = os.uname()
    key = f"{pins.kubernetes}-{modules.hexdigest()[:10]}-{system.sysname.lower()}-{system.machine}"
    folder = cache / "controlplane" / key
    if all((folder / name).exists() for name in names):
        return folder
    with alone_in(cache):
        missing = [name for name in names if not (folder / name).exists()]
        if missing:
            _build(missing, folder=folder, pins=pins, cache=cache)
    return folder


def _build(names: Sequence[str], *, folder: Path, pins: Pins, cache: Path) -> None:
    go = find_go(needed=pins.go, cache=cache)
    folder.mkdir(parents=True, exist_ok=True)
    say(f"building {', '.join(names)} with {go.version}, once, which takes minutes: {folder}")
    log = folder / "build.log"
    for number, name in enumerate(names, start=1):
        partial = folder / f".{name}.partial"
        run_aloud(
            [
                *(go.command, "build", "-trimpath", "-buildvcs=false"),
                *_flags(name, pins=pins),
                *("-o", partial, _PROGRAMS[name].package),
            ],
            what=f"building {name} ({number} of {len(names)})",
            remedy="see the output of go below; it needs its module proxy (GOPROXY) and some 5 GB of disk",
            log=log,
            environment=go.environment(),
            directory=_MODULE,
        )
        partial.rename(folder / name)
    log.unlink()


def _flags(name: str, *, pins: Pins) -> list[str]:
    program = _PROGRAMS[name]
    major, minor = major_minor(pins.kubernetes) or (0, 0)
    told = {"VERSION": pins.modules.get(program.module, ""), "MAJOR": str(major), "MINOR": str(minor)}
    stamps = [f"-X {variable}={told[value]}" for variable, value in program.stamps.items()]
    return ["-tags", program.tags, "-ldflags", " ".join(["-s", "-w", *stamps])]


def major_minor(version: str) -> tuple[int, int] | None:
    """Take 1 and 36 out of v1.36.3, or of a text with such a version; None where there is none."""
    match = re.search(r"v(\d+)\.(\d+)", version)
    return (int(match[1]), int(match[2])) if match else None
