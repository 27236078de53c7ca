"""The stages of a Dockerfile, built into folders: each may write to /opt and to its WORKDIR, as this project's do."""

from __future__ import annotations

import fnmatch
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hack.image.dockerfile import Copy, Run, Stage
from hack.image.errors import ImageError
from hack.image.rooms import PROGRAMS, Room

_KEPT_OUT = {*PROGRAMS, "opt", "proc", "dev", "sys", "run", "tmp", "mnt", "boot", "lost+found", "root"}
"""Folders at the root that a stage that is being built does not see as the machine has them. The others it does see, as
pip's settings may lead there, and what is in /opt."""

_FROM_OUTSIDE = ("PIP_", "SSL_", "http_", "https_", "no_", "HTTP_", "HTTPS_", "NO_", "REQUESTS_")
"""Beginnings of variables that say how this machine reaches package registries."""


@dataclass(frozen=True, slots=True)
class Built:
    """A stage that has been built, in a folder."""

    stage: Stage
    folder: Path

    def path(self, inside: PurePosixPath | str) -> Path:
        """Give where something of the stage is on this machine."""
        return self.folder / str(inside).strip("/")


def build(stages: Iterable[Stage], *, checkout: Path, into: Path, python: Path, say: Callable[[str], None]) -> Built:
    """Build stages one after another, and give the last one.

    Args:
        stages: what to build.
        checkout: where COPY takes files from, but for those that its .dockerignore names.
        into: an empty folder.
        python: the prefix of the Python that stands in for that of the base image.
        say: told of each step.

    Raises:
        ImageError: a step has failed.
    """
    ignore = _ignoring(checkout)
    built: dict[str, Built] = {}
    made: Built | None = None
    for stage in stages:
        made = built[stage.name] = Built(stage, into / stage.name)
        for folder in ("opt", "tmp", str(stage.workdir).strip("/")):
            made.path(folder).mkdir(parents=True, exist_ok=True)
        for step in stage.steps:
            if isinstance(step, Run):
                say(f"RUN {step.command}")
                _run(made, step, python)
            else:
                say(f"COPY {' '.join(step.sources)} {step.destination}")
                origin = checkout if step.stage is None else built[step.stage].folder
                _copy(made, step, origin, None if step.stage else ignore)
    if made is None:
        raise ImageError("the Dockerfile has no FROM")
    return made


def _run(made: Built, step: Run, python: Path) -> None:
    stage = made.stage
    others = [path for path in Path("/").iterdir() if path.name not in _KEPT_OUT]
    others += Path("/opt").iterdir()
    room = Room(
        python,
        shown={str(path): path for path in others if path.is_dir() and not path.is_symlink()},
        writable={"/opt": made.path("opt"), "/tmp": made.path("tmp")},  # noqa: S108 - the stage's own
    )
    if stage.workdir != PurePosixPath("/"):
        room.writable[str(stage.workdir)] = made.path(stage.workdir)
    environment = {name: value for name, value in os.environ.items() if name.startswith(_FROM_OUTSIDE)}
    environment |= stage.environment | {"HOME": "/tmp"}  # noqa: S108 - the stage's own
    command = room.command(["sh", "-c", step.command], environment=environment, folder=str(stage.workdir))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ImageError(f"RUN ended with {done.returncode}: {step.command}\n{done.stdout}{done.stderr}")


_Ignore = Callable[[str, list[str]], set[str]]


def _copy(made: Built, step: Copy, origin: Path, ignore: _Ignore | None) -> None:
    target = made.path(step.destination)
    for source in step.sources:
        path = origin / source.strip("/")
        if not path.exists():
            raise ImageError(f"COPY finds no {source}")
        if path.is_dir():
            shutil.copytree(path, target, symlinks=True, dirs_exist_ok=True, ignore=ignore)
        else:
            shutil.copy(path, target)


def _ignoring(checkout: Path) -> _Ignore:
    """Give what tells the names to leave out of a folder."""
    patterns = (checkout / ".dockerignore").read_text(encoding="utf-8").split()

    def ignore(folder: str, names: list[str]) -> set[str]:
        inside = Path(folder).relative_to(checkout)
        return {name for name in names if any(_matches(inside / name, pattern) for pattern in patterns)}

    return ignore


def _matches(path: Path, pattern: str) -> bool:
    anywhere = pattern.removeprefix("**/")
    return fnmatch.fnmatch(path.name if anywhere != pattern else str(path), anywhere)
