"""`python -m hack.write_crds FOLDER`: write each CRD into a file of its own."""

from __future__ import annotations

import sys
from pathlib import Path

from dragonfly_task_operator.api.crds import to_yaml
from dragonfly_task_operator.api.kinds import RESOURCES

for each in RESOURCES:
    (Path(sys.argv[1]) / f"{each.plural}.yaml").write_text(to_yaml(each), encoding="utf-8")
