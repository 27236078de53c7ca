"""The blocks of a document that can be run, and what is expected of them.

- ```` ```sh ````: runs, in order, and must succeed.
- ```` ```console ````: lines that begin with `$ ` run, and print what follows. Times, ages and ports may differ.
- ```` ```yaml ````: an object of tasks.d7y.io is taken by the API server; settings are taken by the operator.

An HTML comment on the line before a block says `not run here: WHY`, or `world: WHAT`, something that has happened in
the simulated Dragonfly of `hack.demo.world`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hack.installation import ROOT

_BLOCK = re.compile(
    r"(?:^(?P<indent> *)<!-- (?P<word>not run here|world): (?P<comment>[^\n]*) -->\n)?"
    r"^(?P<margin> *)```(?P<kind>sh|console|yaml)\n(?P<text>.*?)^(?P=margin)```$",
    re.MULTILINE | re.DOTALL,
)
_VARYING = (
    # How far a command is that takes longer than usual, on stderr: on a machine that is busy with other things, too.
    (re.compile(r"^(?:\d+s  [A-Z][a-z]+\b|nothing has picked it up within ).*\n", re.MULTILINE), ""),
    (re.compile(r"^Task(Search|Deletion) \S+: .* \(\d+ s\)\n", re.MULTILINE), ""),
    # kubectl has seen what it waits for and ends its watch, and at times tells of that in its library's words.
    (re.compile(r"^I\d{4} \S+ +\d+ reflector\.go:.* watch ended with error.*context canceled.*\n", re.MULTILINE), ""),
    (re.compile(r"\b\d+(m\d+)?s\b|\b\d+\.\d s\b"), "<age>"),
    (re.compile(r"(?<=\d):\d{4,5}\b"), ":<port>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "<time>"),
    (re.compile(r"[ \t]+"), " "),
)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block.

    Attributes:
        kind: sh, console or yaml.
        note: (word, comment) of the comment before it.
    """

    line: int
    kind: str
    text: str
    note: tuple[str, str] | None

    @property
    def is_run(self) -> bool:
        """Whether it can be run here."""
        return self.note is None or self.note[0] != "not run here"

    def commands(self) -> Iterator[tuple[str, str]]:
        """Give each command of a console block, and what it is to print."""
        for part in re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            yield command, output


def documents() -> list[Path]:
    """List what users and contributors read."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(document: Path) -> list[Block]:
    """Find the blocks of a document."""
    text = document.read_text()
    found = []
    for match in _BLOCK.finditer(text):
        body = re.sub(rf"^{match['margin']}", "", match["text"], flags=re.MULTILINE)
        note = (match["word"], match["comment"]) if match["word"] else None
        found.append(Block(text.count("\n", 0, match.start("kind")) + 1, match["kind"], body, note))
    return found


def settled(output: str) -> str:
    """Put placeholders where two runs may differ, and one space where columns may be wider."""
    for pattern, placeholder in _VARYING:
        output = pattern.sub(placeholder, output)
    return "\n".join(line.rstrip() for line in output.strip().splitlines())
