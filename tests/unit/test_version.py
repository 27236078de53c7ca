"""The version stands in one place, and what repeats it is written from there."""

from __future__ import annotations

import re

from dragonfly_task_operator import __version__
from hack.installation import ROOT
from hack.write_version import places, with_version


def test_every_place_has_the_version() -> None:
    assert [path.name for path in places() if with_version(text := path.read_text()) != text] == []


def test_version_is_written_where_it_stands() -> None:
    assert with_version("docker build -t r.example.com/dragonfly-task-operator:9.8.7 .") == (
        f"docker build -t r.example.com/dragonfly-task-operator:{__version__} ."
    )
    assert with_version("    newTag: 9.8.7\n") == f"    newTag: {__version__}\n"
    assert with_version("dist/kubectl-dragonfly-9.8.7.tar.gz") == f"dist/kubectl-dragonfly-{__version__}.tar.gz"
    assert with_version("kopf 1.45.2, etcd:3.7.0") == "kopf 1.45.2, etcd:3.7.0"


def test_changelog_tells_of_the_version() -> None:
    headings = re.findall(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[:2] == ["Unreleased", __version__]
