"""`python -m hack.write_crds FOLDER`: write each kind's CRD into a file of its own."""

from __future__ import annotations

import sys
from pathlib import Path

from dragonfly_task_operator.api.crds import to_yaml
from dragonfly_task_operator.api.kinds import KINDS

for kind in KINDS:
    (Path(sys.argv[1]) / f"{kind.plural}.yaml").write_text(to_yaml(kind), encoding="utf-8")
