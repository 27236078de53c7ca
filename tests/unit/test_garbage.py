"""How often Python looks for garbage, in a process of its own: it is of the whole process."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import gc
from dragonfly_task_operator import garbage
garbage.look_seldom()
class Loop: pass
def rubbish():
    loop = Loop(); loop.itself = loop
    return loop
import weakref
gone = weakref.ref(rubbish())
for _ in range(50_000): rubbish()
print(gc.get_threshold()[0], gc.get_freeze_count() > 1000, gone() is None)
"""


def test_garbage_is_looked_for_seldom_and_found_all_the_same() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.split() == ["10000", "True", "True"]
