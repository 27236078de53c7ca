"""What a Dockerfile says, as far as this project's does. What else one could say is refused, not guessed at."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from hack.image.errors import ImageError


@dataclass(frozen=True, slots=True)
class Run:
    """A command of a shell."""

    command: str


@dataclass(frozen=True, slots=True)
class Copy:
    """Files into the stage; from another one if `stage` names it, else from the checkout."""

    sources: tuple[str, ...]
    destination: PurePosixPath
    stage: str | None


@dataclass(slots=True)
class Stage:
    """What comes after one FROM.

    Attributes:
        environment: of what is run in it, besides that of the base image.
    """

    name: str
    base: str
    workdir: PurePosixPath = field(default_factory=lambda: PurePosixPath("/"))
    steps: list[Run | Copy] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    user: str = "0:0"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)


_INSTRUCTION = re.compile(r"(?P<word>[A-Z]+)\s+(?P<rest>.+)", re.DOTALL)
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_ASSIGNMENT = re.compile(r"(\w+)=(\S+)")


def read(text: str, *, arguments: Mapping[str, str], base_environment: Mapping[str, str]) -> list[Stage]:
    """Read a Dockerfile.

    Args:
        text: of it.
        arguments: as by --build-arg.
        base_environment: what the base image sets.

    Raises:
        ImageError: it says something that is not understood here.
    """
    known: dict[str, str] = {}
    stages: list[Stage] = []
    for line in _lines(text):
        match = _INSTRUCTION.fullmatch(line)
        if match is None:
            raise ImageError(f"the Dockerfile has a line that is no instruction: {line}")
        word, rest = match["word"], match["rest"].strip()
        if word == "ARG":
            name, _, default = rest.partition("=")
            known[name] = arguments.get(name, default)
        elif word == "FROM":
            base, _, name = _filled(rest, known).partition(" AS ")
            stages.append(Stage(name or str(len(stages)), base, environment=dict(base_environment)))
        elif not stages:
            raise ImageError(f"the Dockerfile has {word} before its first FROM")
        else:
            _take(stages[-1], word, rest)
    return stages


def _lines(text: str) -> list[str]:
    """Give the instructions, a line each."""
    kept = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return [line.strip() for line in re.sub(r"\\\n\s*", "", "\n".join(kept)).splitlines()]


def _take(stage: Stage, word: str, rest: str) -> None:
    match word:
        case "WORKDIR":
            stage.workdir = stage.workdir / rest
        case "RUN":
            stage.steps.append(Run(rest))
        case "COPY":
            stage.steps.append(_copy(stage, rest))
        case "ENV":
            for name, value in _ASSIGNMENT.findall(rest):
                stage.environment[name] = _filled(value, stage.environment)
        case "USER":
            stage.user = rest
        case "ENTRYPOINT":
            stage.entrypoint = json.loads(rest)
        case "CMD":
            stage.command = json.loads(rest)
        case _:
            raise ImageError(f"the Dockerfile has {word}, which is not understood here: teach hack/image what it does")


def _copy(stage: Stage, rest: str) -> Copy:
    words = rest.split()
    origin = words.pop(0).removeprefix("--from=") if words[0].startswith("--from=") else None
    if any(word.startswith("--") for word in words):
        raise ImageError(f"the Dockerfile has a COPY that is not understood here: {rest}")
    *sources, destination = words
    return Copy(tuple(sources), stage.workdir / destination, origin)


def _filled(text: str, values: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda match: values.get(match[1] or match[2], ""), text)
