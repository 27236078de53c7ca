"""What stands on a terminal after all that was written to it: as much of one as the commands make use of."""

from __future__ import annotations

import json
import re
from pathlib import Path

_TOKEN = re.compile(r"\x1b\[(?P<number>[0-9;?]*)(?P<command>[A-Za-z])|(?P<sign>.)", re.DOTALL)


def screen(written: str) -> str:
    """Give the lines that can be read in the end."""
    lines: list[list[str]] = [[]]
    row = column = 0
    for token in _TOKEN.finditer(written):
        sign, command = token["sign"], token["command"]
        if command == "A":
            row = max(row - int(token["number"] or 1), 0)
        elif command == "K":
            lines[row].clear()
        elif sign == "\r":
            column = 0
        elif sign == "\n":
            row += 1
            lines += [[] for _ in range(row + 1 - len(lines))]
        elif sign is not None:
            line = lines[row]
            line += " " * (column + 1 - len(line))
            line[column] = sign
            column += 1
    return "\n".join("".join(line).rstrip() for line in lines).strip("\n") + "\n"


def record(path: Path, events: list[tuple[float, str]], *, columns: int, rows: int, title: str) -> None:
    """Write what was written to a terminal, and when, as `asciinema play` takes it (asciicast v2)."""
    header = {"version": 2, "width": columns, "height": rows, "title": title}
    lines = [json.dumps(header), *(json.dumps([round(at, 3), "o", text]) for at, text in events)]
    path.write_text("\n".join(lines) + "\n")


def written_in(path: Path) -> str:
    """Give all that was written in a recording."""
    return "".join(json.loads(line)[2] for line in path.read_text().splitlines()[1:])
