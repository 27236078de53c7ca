"""How often Python looks for garbage that refers to itself.

By default it does at every 700 objects more, and each hundredth time through all there are. A run makes objects by the
thousand that nobody drops before its end: a tenth of a deletion's CPU time went into looking at them in vain.
"""

from __future__ import annotations

import gc

OBJECTS_MORE = 10_000
"""Between two looks: some megabytes, if all of them were garbage."""

LOOKS = 5
"""Looks at young objects for each at older ones. With 20, each search of 10,000 peers left 12 MiB more behind."""


def look_seldom() -> None:
    """Do so, and never again at what there is now: to be called once everything has been imported."""
    gc.set_threshold(OBJECTS_MORE, LOOKS, LOOKS)
    gc.collect()
    gc.freeze()
