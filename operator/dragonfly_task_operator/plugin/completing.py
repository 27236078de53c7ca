"""What the last word of a command line may become, for kubectl's own completion of plugins.

kubectl runs `kubectl_complete-dragonfly` with all words, the last of which is to be completed and may be empty, and
takes a line for each choice, with a description after a tab, and a last line that says `:4`: no names of files
(KEP 2379 of https://github.com/kubernetes/enhancements; the directives are those of Cobra).
"""

from __future__ import annotations

from collections.abc import Sequence

from click.shell_completion import ShellComplete

from dragonfly_task_operator.plugin.commands import dragonfly

_FILES, _NO_FILES = ":0", ":4"


def completions(words: Sequence[str]) -> list[str]:
    """Give the lines for these words."""
    *before, last = words or [""]
    found = ShellComplete(dragonfly, {}, "kubectl dragonfly", "").get_completions(list(before), last)
    if any(item.type == "file" for item in found):
        return [_FILES]
    lines = [f"{item.value}\t{item.help}" if item.help else str(item.value) for item in found if item.type == "plain"]
    return [*lines, _NO_FILES]
