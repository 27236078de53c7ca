"""The Dockerfile, as `make image-check` reads it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from hack.image.building import _ignoring
from hack.image.dockerfile import Copy, Run, Stage, read
from hack.image.errors import ImageError
from hack.installation import ROOT

BASE = {"PATH": "/usr/local/bin:/usr/bin"}


def stages_of(text: str, **arguments: str) -> list[Stage]:
    return read(text, arguments=arguments, base_environment=BASE)


def test_image_is_what_deploy_counts_on() -> None:
    image = stages_of((ROOT / "Dockerfile").read_text())[-1]

    assert (image.user, image.entrypoint, image.command) == ("65532:65532", ["dragonfly-task-operator"], ["run"])
    assert image.steps == [Copy(("/opt/operator",), PurePosixPath("/opt/operator"), "build")]
    assert image.environment["PATH"] == "/opt/operator/bin:/usr/local/bin:/usr/bin"


def test_whatever_is_installed_into_the_image_is_locked_by_its_hash() -> None:
    build, _ = stages_of((ROOT / "Dockerfile").read_text())
    installs = [part for step in build.steps if isinstance(step, Run) for part in step.command.split("&&")]

    loose = [part for part in installs if " install " in part and "--require-hashes" not in part]

    assert [part.split()[-3:] for part in loose] == [["--no-cache-dir", "--no-deps", "dist/*.whl"]]


@pytest.mark.parametrize(("arguments", "base"), [({}, "python:3"), ({"PYTHON": "python@sha256:1"}, "python@sha256:1")])
def test_base_image_can_be_given(arguments: dict[str, str], base: str) -> None:
    (stage,) = stages_of("ARG PYTHON=python:3\nFROM ${PYTHON}\n", **arguments)
    assert stage.base == base


def test_comments_and_lines_that_go_on_are_read_as_docker_does() -> None:
    (stage,) = stages_of("# a comment\nFROM a AS b\nWORKDIR /w\nRUN one \\\n# in between\n && two\nCOPY x y z/\n")
    assert stage.steps == [Run("one && two"), Copy(("x", "y"), PurePosixPath("/w/z"), None)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("FROM a\nHEALTHCHECK x\n", "HEALTHCHECK, which is not understood"),
        ("RUN x\n", "RUN before its first FROM"),
        ("FROM a\nnonsense\n", "no instruction: nonsense"),
        ("FROM a\nCOPY --chmod=755 a b\n", "a COPY that is not understood"),
    ],
)
def test_what_is_not_understood_is_refused(text: str, words: str) -> None:
    with pytest.raises(ImageError, match=words):
        stages_of(text)


def test_files_that_docker_would_not_see_are_left_out(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_text("tests\n**/__pycache__\n")
    ignored = _ignoring(tmp_path)

    assert ignored(str(tmp_path), ["tests", "operator", "__pycache__"]) == {"tests", "__pycache__"}
    assert ignored(str(tmp_path / "operator"), ["tests", "__pycache__", "a.py"]) == {"__pycache__"}
