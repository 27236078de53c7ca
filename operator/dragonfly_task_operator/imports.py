"""What is not imported though libraries would: 9 MiB and a fifth of a second of every start of the operator.

`kubernetes` imports all of itself when a part of it is asked for, and with it requests, oauthlib, websocket-client and
charset-normalizer: 280 modules (docs/adr/0013-many-objects.md). This operator asks for `kubernetes.aio.client`.
"""

from __future__ import annotations

import importlib.util
import sys

_PACKAGES = ("kubernetes", "kubernetes.aio")
"""Of these, only the parts that are asked for by name."""

_UNUSED = "kubernetes.client"
"""Kopf asks for it, and does without: it takes that client's objects from handlers, and ours give it none."""


def only_what_is_asked_for() -> bool:
    """Have `import kubernetes` bring no more than that.

    To be called before anything is imported that imports it, and only in a process that is the operator's own: whatever
    else runs there would find it as bare.

    Returns:
        whether it does; not when it has been imported before.
    """
    if _PACKAGES[0] in sys.modules:
        return False
    for name in _PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec is None:
            return False
        package = sys.modules[name] = importlib.util.module_from_spec(spec)
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, package)
    sys.modules[_UNUSED] = None  # type: ignore[assignment]  # as the import system has it: there is none
    return True
