"""Runs for tests of what is shown: golden statuses, as objects that the API server gave."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from dragonfly_task_operator.client.run import Run

DATA = Path(__file__).parents[1] / "data"
GOLDEN = DATA / "golden"
SHOWN = DATA / "plugin"
NOW = datetime(2026, 11, 24, 0, 5, tzinfo=UTC)


def body(case: str, **changes: Any) -> dict[str, Any]:
    """Give a golden object, with fields of its status changed."""
    manifest = yaml.safe_load((GOLDEN / case / "manifest.yaml").read_text())
    status = yaml.safe_load((GOLDEN / case / "status.yaml").read_text()) | changes
    metadata = {
        "namespace": "default",
        "uid": f"uid-{case}",
        "resourceVersion": "1",
        "generation": status["observedGeneration"],
        "creationTimestamp": "2026-11-23T23:59:50Z",
        **manifest["metadata"],
    }
    return {**manifest, "metadata": metadata, "status": status}


def run(case: str, **changes: Any) -> Run:
    return Run.of(body(case, **changes))
