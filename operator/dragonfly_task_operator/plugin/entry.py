"""Where kubectl comes in: `kubectl-dragonfly`, and `kubectl_complete-dragonfly` for what a shell completes.

Imports nothing that needs the extra before it is known to be there.
"""

from __future__ import annotations

import io
import sys

USAGE = 2


def _has_extra() -> bool:
    try:
        import rich  # noqa: F401, PLC0415 - to see whether it is there
    except ImportError:
        return False
    return True


def main() -> None:
    """Run a command; `__complete` is for `kubectl_complete-dragonfly`, where that is a script of somebody's."""
    if sys.argv[1:2] == ["__complete"]:
        _complete(sys.argv[2:])
        return
    if not _has_extra():
        print("error: kubectl dragonfly needs more: pip install 'dragonfly-task-operator[kubectl]'", file=sys.stderr)  # noqa: T201
        sys.exit(USAGE)
    from dragonfly_task_operator.plugin.commands import dragonfly  # noqa: PLC0415 - needs the extra

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # what a terminal has no sign for must not end a command
    dragonfly(prog_name="kubectl dragonfly")


def complete() -> None:
    """Print what the last word may become, as kubectl wants it."""
    _complete(sys.argv[1:])


def _complete(words: list[str]) -> None:
    if not _has_extra():
        return
    from dragonfly_task_operator.plugin.completing import completions  # noqa: PLC0415 - needs the extra

    print("\n".join(completions(words)))  # noqa: T201
