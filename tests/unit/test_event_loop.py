"""Which event loop the operator runs on."""

from __future__ import annotations

import asyncio
import sys

import pytest

from dragonfly_task_operator import event_loop


@pytest.mark.parametrize("known", [True, False], ids=["there is uvloop", "there is none"])
def test_loop_is_libuvs_where_there_is_one(monkeypatch: pytest.MonkeyPatch, known: bool) -> None:
    if not known:
        monkeypatch.setitem(sys.modules, "uvloop", None)

    with asyncio.Runner(loop_factory=event_loop.factory()) as runner:

        async def name() -> str:
            return event_loop.name_of(asyncio.get_running_loop())

        assert runner.run(name()) == ("uvloop" if known else "asyncio")
