"""Nothing may leave the operator blind: the Kopf of a scope that dies or sees nothing is started over.

When that does not help for a minute, the process ends and says why. A scope that the API server refuses is no reason to
end as long as another one is watched: nothing but the rights that are missing would help, and they are looked for every
few seconds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from dragonfly_task_operator.errors import WatchLost
from dragonfly_task_operator.kube.watch.scopes import Scope
from dragonfly_task_operator.kube.watch.sights import Sight, Sights
from dragonfly_task_operator.observability.logs import fields
from dragonfly_task_operator.observability.metrics import Metrics

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
"""Between two looks at what is seen."""

RESTART_SECONDS = 8.0
"""Kopf is started over when for so long it has neither watched nor listed, nor been answered on the way to its list."""

BLIND_SECONDS = 60.0
"""The process ends after so long."""

PAUSES = (0.5, 1.0, 2.0, 4.0)
"""Before Kopf is started over, each time that it has not come to watch in between."""

REFUSED_SECONDS = 5.0
"""The same where rights are missing."""

REPEAT_SECONDS = 60.0
"""Between two lines in the log that say the same of a scope."""


@dataclass(slots=True)
class _Patience:
    """How long a scope has been blind: counted in looks, so that time in which the process did not run is none."""

    sight: Sight
    seconds: float = 0.0
    failures: int = 0
    said: str = ""
    said_at: float = field(default=float("-inf"))


class Supervisor:
    """Keeps all scopes watched.

    Args:
        sights: what is seen of them.
        bring: has Kopf watch a scope, until it fails or is cancelled.
        metrics: told of restarts.
        must_start_over: a number that changes when all has to be listed anew.
    """

    def __init__(
        self,
        sights: Sights,
        *,
        bring: Callable[[Scope], Awaitable[None]],
        metrics: Metrics,
        must_start_over: Callable[[], int] = lambda: 0,
    ) -> None:
        self._bring, self._metrics, self._era = bring, metrics, must_start_over
        self._all = [_Patience(sight) for sight in sights.all]

    async def run(self) -> None:
        """Watch until cancelled.

        Raises:
            WatchLost: starting over has not helped for BLIND_SECONDS.
        """
        loop = asyncio.get_running_loop()
        work = [loop.create_task(self._keep(each)) for each in self._all]
        work.append(loop.create_task(self._judge_forever()))
        try:
            done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in work:
                task.cancel()
            await asyncio.wait(work)

    async def _keep(self, each: _Patience) -> None:
        """Have a scope watched, whatever happens."""
        while True:
            bringing = asyncio.ensure_future(self._bring(each.sight.scope))
            try:
                why = await self._until_it_must_end(each, bringing)
            finally:
                bringing.cancel()
                await asyncio.wait({bringing})
            if why is not None:
                each.sight.failed(why, refused=each.sight.is_refused)
                self._say(each)
            self._metrics.watch_restarted(each.sight.scope.kind.name)
            await asyncio.sleep(self._pause(each))

    async def _until_it_must_end(self, each: _Patience, bringing: asyncio.Future[None]) -> str | None:
        """Wait until Kopf has died, sees nothing, or has to list anew. Returns what is wrong, if anything is."""
        clock, sight, era = asyncio.get_running_loop().time, each.sight, self._era()
        stirred = clock()
        while True:
            await asyncio.wait({bringing}, timeout=LOOK_SECONDS)
            if bringing.done():
                return self._cause(each, bringing)
            if self._era() != era:
                return None
            if sight.is_watched or sight.is_listing:
                stirred = clock()
                each.failures = 0 if sight.is_watched else each.failures
            elif min(clock() - stirred, sight.seconds_since_approach) > RESTART_SECONDS:
                return sight.trouble

    @staticmethod
    def _cause(each: _Patience, bringing: asyncio.Future[None]) -> str:
        error = None if bringing.cancelled() else bringing.exception()
        if each.sight.is_troubled:  # what was seen on the wire says more than what became of it in Kopf
            return each.sight.trouble
        return f"Kopf ended: {type(error).__name__}: {' '.join(str(error).split())[:300]}"

    @staticmethod
    def _pause(each: _Patience) -> float:
        each.failures += 1
        if each.sight.is_refused:
            return REFUSED_SECONDS
        return PAUSES[min(each.failures, len(PAUSES)) - 1]

    def _say(self, each: _Patience) -> None:
        now = asyncio.get_running_loop().time()
        if each.sight.trouble != each.said or now - each.said_at >= REPEAT_SECONDS:
            each.said, each.said_at = each.sight.trouble, now
            event = "watch.refused" if each.sight.is_refused else "watch.lost"
            log.warning(event, extra=fields(scope=each.sight.scope, error=each.sight.trouble))

    async def _judge_forever(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(LOOK_SECONDS)
            self._judge(min(loop.time() - before, 2 * LOOK_SECONDS))

    def _judge(self, passed: float) -> None:
        """Count how long each scope has been blind. Raises WatchLost when that is for too long."""
        for each in self._all:
            if each.sight.is_watched:
                if each.said:
                    log.info("watch.recovered", extra=fields(scope=each.sight.scope))
                each.seconds, each.said = 0.0, ""
            elif not each.sight.is_listing:
                each.seconds += passed
        self._metrics.blind_scopes.set(sum(not each.sight.is_watched for each in self._all))
        lost = [each.sight for each in self._all if each.seconds >= BLIND_SECONDS]
        if any(not sight.is_refused for sight in lost) or len(lost) == len(self._all):
            first = next((sight for sight in lost if not sight.is_refused), lost[0])
            raise WatchLost(
                f"{first.scope} could not be watched for {BLIND_SECONDS:.0f} s, whatever was tried: {first.trouble};"
                f" check the API server, the CRDs and the operator's RBAC"
            )
