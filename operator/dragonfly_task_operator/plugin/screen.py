"""What a person sees: two consoles, tables that fit, and a line that lives while something is waited for.

Everything that goes to a terminal goes through here, so that nobody's words are taken for markup or for commands of the
terminal. Colour is for terminals, and not where NO_COLOR is set; no meaning is in colour alone.
"""

from __future__ import annotations

import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from dragonfly_task_operator.plugin.words import plain, visible

PROSE = 80
"""Columns of sentences, where the other end is no terminal."""
QUIET_SECONDS = 5.0
"""Between two lines about the same, where the other end is no terminal."""
_GAP = "   "
_LEAST = 12
"""Columns that a text is cut to at most."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A text of a table, and how it looks."""

    text: str
    style: str = ""


Row = Sequence[str | Cell]


class Screen:
    """Where results go, and where all else goes."""

    def __init__(self, *, out: Console | None = None) -> None:
        self._err = _console(stderr=True)
        self._out = out or _console(stderr=False)

    def aside(self) -> Screen:
        """Give one whose results are none: what is written goes where all else goes."""
        return Screen(out=self._err)

    @property
    def asks(self) -> bool:
        """Whether a person can be asked something."""
        return sys.stdin.isatty() and self._err.is_terminal

    def raw(self, text: str) -> None:
        """Give a result for programs: JSON, YAML, CSV or names."""
        self._out.file.write(text if text.endswith("\n") else f"{text}\n")

    def say(self, *parts: str | Cell) -> None:
        """Write a line of the result."""
        self._print(self._out, parts)

    def note(self, *parts: str | Cell) -> None:
        """Write a line that is no result."""
        self._print(self._err, parts)

    def prose(self, text: str, *, indent: str = "", style: str = "") -> None:
        """Write sentences of the result, in lines that fit."""
        width = min(self._out.width, 100) if self._out.is_terminal else PROSE
        lines = textwrap.wrap(
            plain(text),
            width=max(width, 40),
            initial_indent=indent,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for line in lines:
            self._out.print(Text(line, style=style))

    def table(self, header: Sequence[str], rows: Sequence[Row], *, indent: str = "", cut: int | None = None) -> None:
        """Write a table.

        Args:
            header: the names of the columns.
            rows: one text for each column.
            indent: before each line.
            cut: the column whose texts are cut on a terminal that has no room for them; the last, as a rule.
        """
        for line in _lines(
            header, rows, width=self._out.width if self._out.is_terminal else None, cut=cut, indent=indent
        ):
            self._out.print(line)

    @contextmanager
    def waiting(self, tell: Callable[[], str]) -> Iterator[Callable[[], None]]:
        """Show a line that tells how it stands, for as long as the block lasts, on stderr.

        Args:
            tell: gives the line; called often.

        Yields:
            what is to be called when there is news.
        """
        if self._err.is_terminal:
            spinner = Spinner("dots", text=Text(""))

            def look() -> Spinner:
                spinner.update(
                    text=Text(set_cell_size(line, max(self._err.width - 3, 10)).rstrip() if (line := tell()) else "")
                )
                return spinner

            with Live(get_renderable=look, console=self._err, transient=True, refresh_per_second=8):
                yield lambda: None
            return
        last, at = "", time.monotonic()

        def news() -> None:
            nonlocal last, at
            line = tell()
            if line != last and time.monotonic() >= at + QUIET_SECONDS:
                self.note(line)
                last, at = line, time.monotonic()

        yield news

    @staticmethod
    def _print(console: Console, parts: Sequence[str | Cell]) -> None:
        line = Text()
        for part in parts:
            cell = Cell(part) if isinstance(part, str) else part
            line.append(visible(cell.text), style=cell.style)
        console.print(line)


def _console(*, stderr: bool) -> Console:
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=True)


def _lines(
    header: Sequence[str], rows: Sequence[Row], *, width: int | None, cut: int | None, indent: str
) -> Iterator[Text]:
    table = [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in rows]
    texts = [[Cell(name, "bold") for name in header], *([Cell(plain(c.text), c.style) for c in row] for row in table)]
    widths = [max(cell_len(row[column].text) for row in texts) for column in range(len(header))]
    if width is not None and cut is not None:
        others = len(indent) + sum(widths) - widths[cut] + len(_GAP) * (len(header) - 1)
        widths[cut] = max(min(widths[cut], width - others), _LEAST)
    for row in texts:
        line = Text(indent)
        for column, cell in enumerate(row):
            text = _shortened(cell.text, widths[column])
            line.append(text, style=cell.style)
            if any(later.text for later in row[column + 1 :]):
                line.append(" " * (widths[column] - cell_len(text)) + _GAP)
        line.rstrip()
        yield line


def _shortened(text: str, width: int) -> str:
    return text if cell_len(text) <= width else f"{set_cell_size(text, width - 1).rstrip()}…"
