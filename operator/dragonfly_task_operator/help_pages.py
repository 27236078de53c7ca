"""What `--help` says after its options, in the order of a manual's page: examples are to be copied, as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import click

Sections: TypeAlias = Mapping[str, Sequence[tuple[str, str]]]
"""By title: terms, and what each means."""


class Command(click.Command):
    """A command whose help ends with sections of its own, and examples."""

    def __init__(self, *given: Any, examples: str = "", sections: Sections | None = None, **how: Any) -> None:
        super().__init__(*given, **how)
        self.examples, self.sections = examples, sections or {}

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write them."""
        del ctx
        write_sections(self.sections, formatter)
        write_examples(self.examples, formatter)


class Group(click.Group):
    """Commands in the order in which they were added, which is that in which people need them; and examples."""

    def __init__(self, *given: Any, examples: str = "", sections: Sections | None = None, **how: Any) -> None:
        super().__init__(*given, **how)
        self.examples, self.sections = examples, sections or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give them as they were added."""
        del ctx
        return list(self.commands)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write sections and examples."""
        del ctx
        write_sections(self.sections, formatter)
        write_examples(self.examples, formatter)


def write_sections(sections: Sections, formatter: click.HelpFormatter) -> None:
    """Write terms beside what they mean."""
    for title, rows in sections.items():
        with formatter.section(title):
            formatter.write_dl(rows)


def write_examples(examples: str, formatter: click.HelpFormatter) -> None:
    """Write examples as they are."""
    if examples:
        with formatter.section("Examples"):
            for line in examples.strip().splitlines():
                formatter.write(f"{' ' * formatter.current_indent}{line.strip()}\n")
