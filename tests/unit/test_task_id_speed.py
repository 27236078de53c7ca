"""`task-id` is for scripts and for people at a prompt: it answers at once."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

COMMAND = [sys.executable, "-m", "dragonfly_task_operator", "task-id", "--url", "https://example.com/model.bin"]
LIBRARIES = [sys.executable, "-c", "import click, pydantic; type('M', (pydantic.BaseModel,), {})"]
"""What the command can't do without."""

TRIES = 5
"""Other work on the machine can only make a run slower: the fastest counts."""


def cost(command: list[str], pycache: Path) -> float:
    """Run a command, byte code cached as an installation has it. Returns the CPU time that it took, in seconds."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COVERAGE_"))}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        command, env=environment | {"PYTHONPYCACHEPREFIX": str(pycache)}, check=True, stdout=subprocess.DEVNULL
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_task_id_costs_little_more_than_the_libraries_that_it_needs(tmp_path: Path) -> None:
    """0.3 s of CPU on the machine where it was written, of which they take 0.2."""
    for command in (COMMAND, LIBRARIES):
        cost(command, tmp_path)  # compiles
    tries = [(cost(COMMAND, tmp_path), cost(LIBRARIES, tmp_path)) for _ in range(TRIES)]
    ours, theirs = (min(column) for column in zip(*tries, strict=True))
    assert ours < 1.8 * theirs


def test_task_id_by_flags_imports_nothing_slow_that_it_does_not_need() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *COMMAND[1:]], check=True, capture_output=True, text=True
    )
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "click" in imported, "the list of imports can't be read"
    assert imported.isdisjoint({"asyncio", "grpc", "google", "kopf", "kubernetes", "pydantic_settings", "yaml"})
