"""Times, sizes, lengths of time, and others' words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click
import pytest

from dragonfly_task_operator.plugin.times import Duration
from dragonfly_task_operator.plugin.words import age, bytes_of, counted, duration, plain

NOW = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0s"),
        (0.9, "0s"),
        (119, "119s"),
        (120, "2m"),
        (3 * 3600 - 1, "179m"),
        (3 * 3600, "3h"),
        (2 * 86400 - 1, "47h"),
        (2 * 86400, "2d"),
        (729 * 86400, "729d"),
        (730 * 86400, "2y"),
    ],
)
def test_age_is_as_kubectl_tells_it(seconds: float, words: str) -> None:
    assert duration(seconds) == words
    assert age(NOW - timedelta(seconds=seconds), NOW) == words


def test_age_that_nobody_knows_is_a_dash() -> None:
    assert age(None, NOW) == "-"


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (29362176, "28.0 MiB"),
        (1 << 40, "1.0 TiB"),
        (1 << 50, "1024.0 TiB"),
    ],
)
def test_size(count: int, words: str) -> None:
    assert bytes_of(count) == words


def test_counts() -> None:
    assert (counted(1, "peer"), counted(0, "peer"), counted(12345, "peer")) == ("1 peer", "0 peers", "12,345 peers")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\nlines\r\nand\ta tab", "two lines and a tab"),
        ("\x1b]0;title\x07", "\ufffd]0;title\ufffd"),
        ("[bold]no markup[/bold]", "[bold]no markup[/bold]"),
        ("ü 漢字 \u202e", "ü 漢字 \ufffd"),
    ],
)
def test_words_of_others_can_not_command_a_terminal(text: str, shown: str) -> None:
    assert plain(text) == shown


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("5m", 300), ("12h", 43200), ("1d", 86400), ("1h30m", 5400)]
)
def test_length_of_time_is_read(text: str, seconds: int) -> None:
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "x", "5 m", "1.5h", "m", "5m!", "-1", "none"])
def test_length_of_time_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is no length of time: write 90s, 5m, 12h or 1d"):
        Duration().convert(text, None, None)


def test_word_for_never_is_left_as_it_is() -> None:
    assert Duration(never="none").convert("none", None, None) == "none"
