"""A real Dragonfly on one machine: dfdaemons on loopback addresses of their own, dfget, a scheduler and an origin.

`make test-real` runs on it, with the programs in the folder that DRAGONFLY_BIN_DIR names; see
docs/testing-on-real-dragonfly.md. There is no manager. Where the folder has no scheduler, the simulator's serves.
"""

from __future__ import annotations

from tests.real.binaries import Binaries
from tests.real.cluster import RealDragonfly
from tests.real.dfdaemon import Dfdaemon
from tests.real.origin import Origin

__all__ = ["Binaries", "Dfdaemon", "Origin", "RealDragonfly"]
