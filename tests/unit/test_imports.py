"""What the operator imports when it starts: its memory at rest, and a second of its start, are made of that."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from dragonfly_task_operator import app
print(*sys.modules, sep="\\n")
"""


def test_operator_starts_without_the_models_of_all_that_a_cluster_can_have() -> None:
    """`CoreV1Api` brings 262 of them: 23 MiB, and a second of CPU time."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=120)
    imported = done.stdout.split()

    assert "kubernetes.aio.client.api.custom_objects_api" in imported, "the list of imports can't be read"
    apis = {name for name in imported if name.startswith("kubernetes.aio.client.api.")}
    assert apis == {"kubernetes.aio.client.api.custom_objects_api"}
    models = [name for name in imported if name.startswith("kubernetes.aio.client.models.")]
    assert len(models) < 20, models
