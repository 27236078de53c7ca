"""The probes' answers, and what they are made of."""

from __future__ import annotations

import asyncio
import time
import urllib.error
import urllib.request

import pytest

from dragonfly_task_operator.observability.health import STUCK_SECONDS, Heartbeat, endpoints
from dragonfly_task_operator.observability.serving import served


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


def probe(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_probe_is_answered_with_every_trouble() -> None:
    application = endpoints(live=[lambda: None], ready=[lambda: "this", lambda: None, lambda: "that"])

    with served("127.0.0.1", 0, application) as port:
        answers = [probe(port, path) for path in ("/livez", "/readyz", "/other")]

    assert answers == [(200, "ok\n"), (503, "this\nthat\n"), (404, "there are /livez and /readyz\n")]


def test_server_on_every_address_answers_on_both_families() -> None:
    with served("", 0, endpoints(live=[], ready=[])) as port:
        assert probe(port, "/livez") == (200, "ok\n")
        with urllib.request.urlopen(f"http://[::1]:{port}/livez", timeout=5) as answer:
            assert answer.status == 200


def test_address_that_is_taken_is_an_error() -> None:
    with served("127.0.0.1", 0, endpoints(live=[], ready=[])) as port, pytest.raises(OSError, match="in use"):  # noqa: SIM117
        with served("127.0.0.1", port, endpoints(live=[], ready=[])):
            pass


async def test_probes_are_answered_while_the_event_loop_is_blocked() -> None:
    with served("127.0.0.1", 0, endpoints(live=[], ready=[])) as port:
        answer = probe(port, "/livez")  # blocks this very loop

    assert answer == (200, "ok\n")


async def test_event_loop_that_does_not_turn_is_said_to_be_stuck() -> None:
    clock = Clock()
    heartbeat = Heartbeat(clock=clock)
    beating = asyncio.create_task(heartbeat.beat_forever())
    await asyncio.sleep(0)

    clock.time += STUCK_SECONDS + 1
    stuck = heartbeat.trouble()
    beating.cancel()

    assert stuck == "the event loop has been stuck for 16 s"


async def test_event_loop_that_turns_again_is_well_again() -> None:
    clock = Clock()
    heartbeat = Heartbeat(clock=clock)
    clock.time += STUCK_SECONDS + 1
    beating = asyncio.create_task(heartbeat.beat_forever())

    await asyncio.sleep(0)
    trouble = heartbeat.trouble()
    beating.cancel()

    assert trouble is None


async def test_blocked_event_loop_is_seen_by_the_real_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dragonfly_task_operator.observability.health.STUCK_SECONDS", 0.05)
    heartbeat = Heartbeat()
    with served("127.0.0.1", 0, endpoints(live=[heartbeat.trouble], ready=[])) as port:
        time.sleep(0.1)  # noqa: ASYNC251 - a blocked event loop is what is tested
        status, _ = probe(port, "/livez")

    assert status == 503
