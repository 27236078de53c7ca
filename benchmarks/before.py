"""How it was before an answer to "faster than what?": ratios to the same yardstick, measured by the same rows.

`results/before/bench.json` is what these benchmarks told of the operator of the commit that it names. To measure that
one again, in a tree of its own beside this one:

    PYTHONPATH=OLD/operator python -m benchmarks --rows image --out FOLDER
"""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.results import Measurement

FILE = Path(__file__).parent / "results" / "before" / "bench.json"


def times_faster(now: Measurement, *, at_least: float) -> Measurement:
    """Tell how many times smaller a ratio to a yardstick is than it was before. Raises KeyError for no such figure."""
    known = json.loads(FILE.read_text(encoding="utf-8"))
    before = {figure["what"]: figure["value"] for figure in known["figures"]}[now.what]
    return Measurement(
        what=f"{now.what}: how much less than at {known['commit'][:7]}",
        value=before / now.value,
        unit=" x",
        at_least=at_least,
        detail={"before": before, "now": now.value},
    )
