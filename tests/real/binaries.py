"""Which of Dragonfly's programs there are."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class Binaries:
    """Dragonfly's programs. `scheduler` is None where it is not given."""

    dfdaemon: Path
    dfget: Path
    scheduler: Path | None

    @classmethod
    def given(cls) -> Self:
        """Find them in the folder that DRAGONFLY_BIN_DIR names. Raises LookupError, which says what is missing."""
        name = os.environ.get("DRAGONFLY_BIN_DIR")
        if not name:
            raise LookupError("DRAGONFLY_BIN_DIR names no folder with dfdaemon and dfget; run `make test-real`")
        folder = Path(name).expanduser().absolute()
        for needed in (folder / "dfdaemon", folder / "dfget"):
            if not os.access(needed, os.X_OK):
                raise LookupError(f"DRAGONFLY_BIN_DIR names {folder}, which has no program {needed.name}")
        scheduler = folder / "scheduler"
        return cls(folder / "dfdaemon", folder / "dfget", scheduler if os.access(scheduler, os.X_OK) else None)
