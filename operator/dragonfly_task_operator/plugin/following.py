"""Following a run to its end, live: what is settled, found, failed, and how long it has taken."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from dragonfly_task_operator.api.conditions import Reason
from dragonfly_task_operator.client.advice import on_run
from dragonfly_task_operator.client.client import Client
from dragonfly_task_operator.client.run import Run
from dragonfly_task_operator.client.watching import Event, Gone, Listed, Recovered, Seen, Trouble
from dragonfly_task_operator.plugin.options import DEADLINE, FALSE, Ended, Session
from dragonfly_task_operator.plugin.words import counted, duration

UNSEEN_SECONDS = 10.0
"""After which it is told that nobody has picked the object up."""


@dataclass(slots=True)
class _Followed:
    """A run, as the watch shows it.

    Attributes:
        trouble: why nothing comes just now; None: it comes.
        is_seen: whether the watch has shown it.
        notices: reasons that have been explained.
    """

    run: Run
    began: float
    trouble: str | None = None
    is_gone: bool = False
    is_seen: bool = False
    notices: set[str] = field(default_factory=set)

    def heed(self, event: Event) -> None:
        """Take note of what the watch says. Another object of the name means that the one that is meant is gone."""
        match event:
            case Seen(body) if Run.of(body).uid == self.run.uid:
                self.run, self.trouble, self.is_seen = Run.of(body), None, True
            case Gone(uid=self.run.uid) | Seen():
                self.is_gone = True
            case Listed() if not self.is_seen:
                self.is_gone = True
            case Trouble(message):
                self.trouble = message
            case Recovered():
                self.trouble = None

    def line(self) -> str:
        """Tell how it stands."""
        took = duration(time.monotonic() - self.began)
        if self.trouble is not None:
            return f"{took}  {self.trouble}"
        counts, parts = self.run.counts, [self.run.reason]
        if self.run.reason in {Reason.RUNNING, Reason.SUSPENDED} and self.run.progress:
            parts.append(f"{self.run.progress} settled")
            found = "deleted" if self.run.is_deletion and not self.run.is_dry_run else "found"
            parts.append(f"{found} on {counted(counts.deleted if found == 'deleted' else counts.caching, 'peer')}")
            parts.append(f"{counts.failed + counts.unreachable:,} failing")
        elif self.run.reason == Reason.RUNNING:
            parts.append(self.run.message)
        return f"{took}  {', '.join(parts)}"


async def follow(session: Session, client: Client, run: Run, *, timeout: float | None = None) -> Run:
    """Follow a run until it has ended, and give it as it is then.

    Args:
        session: where to write.
        client: to watch with.
        run: as it was seen last.
        timeout: seconds; None: for ever.

    Raises:
        Ended: the timeout has come, or the object has been deleted.
        CannotAsk: it may not be watched.
    """
    if run.is_over:
        return run
    named = f"{run.kind.short_name}/{run.name}"
    session.on_interrupt = (
        f"not waiting any more: {named} goes on in the cluster",
        f"see it again: {session.command('wait', named)}",
        f"stop it: {session.command('cancel', named)}",
    )
    followed = _Followed(run, time.monotonic())
    try:
        async with asyncio.timeout(timeout):
            with session.screen.waiting(followed.line) as news:
                await _watch(session, client, followed, news)
    except TimeoutError:
        session.screen.note(f"{named} has not ended within {duration(timeout or 0)}: {followed.line()}")
        session.screen.note(f"see it again: {session.command('wait', named)}")
        raise Ended(DEADLINE) from None
    if followed.is_gone:
        session.screen.note(f"{named} was deleted by somebody before it had ended")
        raise Ended(FALSE)
    return followed.run


async def _watch(session: Session, client: Client, followed: _Followed, news: Callable[[], None]) -> None:
    """Take note of all that happens, and explain what a person can't know."""
    explaining = asyncio.create_task(_explain_silence(session, followed))
    ticking = asyncio.create_task(_tick(news))
    try:
        async for event in client.watch(followed.run.kind, followed.run.namespace, name=followed.run.name):
            followed.heed(event)
            news()
            _explain(session, followed)
            if followed.run.is_over or followed.is_gone:
                return
    finally:
        for task in (explaining, ticking):
            task.cancel()
        await asyncio.wait({explaining, ticking})


async def _tick(news: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(1)
        news()


async def _explain_silence(session: Session, followed: _Followed) -> None:
    await asyncio.sleep(UNSEEN_SECONDS)
    if not followed.run.is_current and followed.trouble is None:
        session.screen.note(f"nothing has picked it up within {UNSEEN_SECONDS:.0f} s. {on_run(Reason.PENDING)}")


def _explain(session: Session, followed: _Followed) -> None:
    """Say once why a run does not go on by itself."""
    run = followed.run
    if run.reason in followed.notices or run.is_over:
        return
    followed.notices.add(run.reason)
    if run.reason == Reason.SUSPENDED:
        resume = session.command("resume", f"{run.kind.short_name}/{run.name}")
        session.screen.note(f"it is suspended, and waits: {resume}")
    elif run.reason == Reason.OPERATOR_TOO_OLD:
        session.screen.note(f"{run.message}. {on_run(Reason.OPERATOR_TOO_OLD)}")
