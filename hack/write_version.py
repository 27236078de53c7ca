"""`python -m hack.write_version`: the operator's version, from its one place, to wherever else it has to stand.

The place is `operator/dragonfly_task_operator/__init__.py`. CI fails where something else is not as this writes it.
"""

from __future__ import annotations

import re
from pathlib import Path

from dragonfly_task_operator import __version__
from hack.installation import ROOT

_NAMED = re.compile(r"(?<=dragonfly-task-operator:)\d+\.\d+\.\d+|(?<=kubectl-dragonfly-)\d+\.\d+\.\d+(?=\.tar\.gz)")
"""An image by its tag, an archive by its name."""
_TAG = re.compile(r"(?<=newTag: )\d+\.\d+\.\d+")


def places() -> list[Path]:
    """List the files in which the version stands."""
    return [
        ROOT / "Dockerfile",
        ROOT / "README.md",
        ROOT / "deploy" / "base" / "kustomization.yaml",
        *sorted((ROOT / "docs").glob("*.md")),
        *sorted((ROOT / "examples").rglob("*.yaml")),
    ]


def with_version(text: str) -> str:
    """Give a text in which the version is the present one."""
    return _TAG.sub(__version__, _NAMED.sub(__version__, text))


def main() -> None:
    """Write it everywhere."""
    for path in places():
        text = path.read_text(encoding="utf-8")
        if with_version(text) != text:
            path.write_text(with_version(text), encoding="utf-8")


if __name__ == "__main__":
    main()
