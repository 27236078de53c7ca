"""When a registry may be asked again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dragonfly_task_operator.errors import ImageUnresolvable
from dragonfly_task_operator.oci.statuses import seconds_to_wait
from tests.registry.reading import Reader
from tests.registry.scripted import ScriptedRegistry

NOW = datetime(2026, 11, 25, 20, 0, 0, tzinfo=UTC)
YEAR = 366 * 86400


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("30", 30), (" 30 ", 30), ("0", 0), ("21600", 21600), ("99999999", YEAR), ("9" * 400, YEAR),
        (str(int(NOW.timestamp()) + 90), 90), (str(int(NOW.timestamp()) - 90), 0),
        ("Wed, 25 Nov 2026 20:01:30 GMT", 90), ("Wed, 25 Nov 2026 21:01:30 +0100", 90),
        ("Wednesday, 25-Nov-26 20:01:30 GMT", 90), ("Wed, 25 Nov 2026 19:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", YEAR),
        ("", 0), ("soon", 0), ("-5", 0), ("1.5", 0), ("²", 0), ("٣", 0), ("30, 60", 0),
        ("Tue, 24 Nov 2026 10:00:00", 0),
        ("Wed, 25 Nov 99999 20:01:30 GMT", 0), ("\udcff", 0),
    ],
)  # fmt: skip
def test_time_to_wait_is_read(retry_after: str, seconds: float) -> None:
    assert seconds_to_wait(retry_after, NOW) == seconds


@pytest.mark.parametrize("status", [429, 503])
async def test_run_ends_at_once_when_it_may_ask_again_only_after_its_deadline(
    registry: ScriptedRegistry, slept: list[float], status: int
) -> None:
    registry.answers(status, Retry_After="21600")
    read = Reader(allow=(f"http://{registry.host}",), seconds_left=1800)

    with pytest.raises(
        ImageUnresolvable, match=r"may be asked again at \d{4}-.* UTC.*after this run's deadline: raise"
    ) as e:
        await read(registry.url())
    assert (len(registry.asked), slept, e.value.retry_after) == (1, [], None)


async def test_run_waits_where_there_is_time(registry: ScriptedRegistry, slept: list[float]) -> None:
    registry.answers(429, Retry_After="60")
    read = Reader(allow=(f"http://{registry.host}",), seconds_left=1800)

    with pytest.raises(ImageUnresolvable, match="its limit of pulls is reached"):
        await read(registry.url())
    assert slept == [60] * 5
