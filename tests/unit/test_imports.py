"""What the operator imports when it starts: its memory at rest, and a second of its start, are made of that."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from dragonfly_task_operator import imports
assert imports.only_what_is_asked_for()
assert not imports.only_what_is_asked_for()
from dragonfly_task_operator import app
print(*(name for name, module in sys.modules.items() if module is not None), sep="\\n")
"""


def imported() -> list[str]:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=120)
    return done.stdout.split()


def test_operator_starts_without_the_models_of_all_that_a_cluster_can_have() -> None:
    """`CoreV1Api` brings 262 of them: 23 MiB, and a second of CPU time."""
    names = imported()

    assert "kubernetes.aio.client.api.custom_objects_api" in names, "the list of imports can't be read"
    apis = {name for name in names if name.startswith("kubernetes.aio.client.api.")}
    assert apis == {"kubernetes.aio.client.api.custom_objects_api"}
    models = [name for name in names if name.startswith("kubernetes.aio.client.models.")]
    assert len(models) < 20, models


def test_operator_starts_without_what_libraries_import_in_vain() -> None:
    """The `kubernetes` package brings a second client, and that one requests and all that it needs."""
    packages = {name.partition(".")[0] for name in imported()}

    assert {"kopf", "kubernetes", "aiohttp"} <= packages, "the list of imports can't be read"
    assert packages & {"requests", "oauthlib", "websocket", "charset_normalizer", "urllib3"} == set()
