"""The lease that tells which of several operators acts.

Own code and not that of the `kubernetes` package: docs/adr/0004-leader-election.md says why. Whoever holds the lease
renews it every RENEW_SECONDS and acts for MANDATE_SECONDS from the moment at which the last good renewal was *sent*.
Whoever wants it takes it when it has *seen* no renewal for LEASE_SECONDS. Both go by clocks that nobody sets and that
run on while the process is frozen: so the two spans never overlap, whatever the wall clocks say.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from kubernetes.aio.client import ApiClient, ApiException, CustomObjectsApi

from dragonfly_task_operator.api import loose
from dragonfly_task_operator.errors import LeaseLost
from dragonfly_task_operator.kube.answers import is_no_more, message_of
from dragonfly_task_operator.kube.looking_up import NO_ANSWER, unreachable
from dragonfly_task_operator.observability.logs import fields

log = logging.getLogger(__name__)

LEASE_SECONDS = 12.0
"""Without a renewal in sight for this long, the lease is free."""

MANDATE_SECONDS = 8.0
"""Acting on one renewal. The rest of LEASE_SECONDS is for requests that are under way at its end."""

RENEW_SECONDS = 2.0
RETRY_SECONDS = 1.0
"""Between two looks of one that waits for the lease."""

ATTEMPT_SECONDS = 4.0
"""For one look and one write."""

_LEASES = ("coordination.k8s.io", "v1")
_PLURAL = "leases"

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Nobody sets either; the first runs on while the machine is suspended, too, and is Linux's."""


def _now() -> float:
    return time.clock_gettime(_CLOCK)


@dataclass(frozen=True, slots=True)
class _Seen:
    """A state of the lease, and when it was first seen. A renewal is a new state."""

    version: str
    holder: str
    at: float


class Lease:
    """One lease, as one process sees it; `engine.ports.Mandate`.

    Args:
        client: its own: a renewal must not wait in line behind status writes.
        identity: of this process, and of no other ever.
        clock: in seconds.
    """

    def __init__(
        self, client: ApiClient, *, namespace: str, name: str, identity: str, clock: Callable[[], float] = _now
    ) -> None:
        self._api = CustomObjectsApi(client)
        self._namespace, self._name, self._identity, self._clock = namespace, name, identity, clock
        self._seen: _Seen | None = None
        self._acquired = ""
        self._until = float("-inf")
        self._renewed = asyncio.Event()
        self._turn = asyncio.Lock()
        self._is_released = False
        self._trouble: str | None = "it has not been tried yet"

    def __str__(self) -> str:
        return f"{self._namespace}/{self._name}"

    @property
    def is_proven(self) -> bool:
        """Whether this process may act now."""
        return self._clock() < self._until

    def trouble(self) -> str | None:
        """Say why it can't be told who holds the lease, if so."""
        return None if self._trouble is None else f"the lease {self} can't be tried: {self._trouble}"

    async def proven(self) -> None:
        """Wait until this process is sure to hold the lease: at once as a rule, for ever once it is lost."""
        while not self.is_proven:
            self._renewed.clear()
            await self._renewed.wait()

    async def acquire(self, stop: asyncio.Event) -> bool:
        """Wait for the lease. Returns whether this process has it: not when it was told to stop first."""
        log.info("lease.waiting", extra=fields(lease=self, identity=self._identity))
        while not stop.is_set():
            await self._attempt()
            if self.is_proven:
                log.info("lease.acquired", extra=fields(lease=self, identity=self._identity))
                return True
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), RETRY_SECONDS)
        return False

    @asynccontextmanager
    async def kept(self, *, lost: asyncio.Event) -> AsyncIterator[None]:
        """Renew while the context lasts.

        While the API server can't be asked, nobody can take the lease either: `proven` waits, and nothing is lost yet.

        Args:
            lost: set when somebody else holds the lease.

        Raises:
            LeaseLost: at the end, in that case.
        """
        holding = asyncio.get_running_loop().create_task(self._hold())
        holding.add_done_callback(lambda _: lost.set())
        try:
            yield
        finally:
            holding.cancel()
            await asyncio.wait({holding})
        if not holding.cancelled():
            holding.result()

    async def release(self) -> None:
        """Give the lease back, if this process has it, so that the next one need not wait. Act no more after this."""
        had_it, self._until, self._is_released = self.is_proven, float("-inf"), True
        async with self._turn:
            if had_it and self._seen is not None:
                with self._noting():
                    async with asyncio.timeout(RETRY_SECONDS):
                        await self._write(self._seen.version, {"holderIdentity": "", "leaseDurationSeconds": 1})
                    log.info("lease.released", extra=fields(lease=self))

    async def _hold(self) -> None:
        while not self._is_released:
            await asyncio.sleep(RENEW_SECONDS)
            await self._attempt()
            if self._is_lost():
                raise LeaseLost(
                    f"the lease {self} is held by {self._holder} now: this process was frozen or could not renew it for"
                    f" longer than {LEASE_SECONDS:.0f} s; the runs that were going go on there"
                )

    def _is_lost(self) -> bool:
        return self._holder not in {"", self._identity} and not self._is_released

    @property
    def _holder(self) -> str:
        return self._seen.holder if self._seen else ""

    async def _attempt(self) -> None:
        """Take the lease or renew it, unless somebody else has it."""
        async with self._turn:
            sent = self._clock()
            with self._noting():
                async with asyncio.timeout(ATTEMPT_SECONDS):
                    await self._take()
                self._trouble = None
                if self._holder == self._identity and not self._is_released:
                    # Counted from before the request: nobody can have seen it earlier.
                    self._until = sent + MANDATE_SECONDS
                    self._renewed.set()

    async def _take(self) -> None:
        version = await self._read()
        # A lease that somebody has deleted still is the last holder's, for as long as that one may act.
        seen, others = self._seen, self._holder not in {"", self._identity}
        if self._is_released or (seen is not None and others and self._clock() < seen.at + LEASE_SECONDS):
            return
        now = _micro_time()
        if self._holder != self._identity:
            self._acquired = now
        spec = {"holderIdentity": self._identity, "leaseDurationSeconds": int(LEASE_SECONDS)}
        await self._write(version, spec | {"acquireTime": self._acquired, "renewTime": now})

    async def _read(self) -> str | None:
        """Look at the lease. Returns its version; None when there is none."""
        try:
            lease = await self._api.get_namespaced_custom_object(*_LEASES, self._namespace, _PLURAL, self._name)
        except ApiException as error:
            if is_no_more(error, name=self._name, plural=_PLURAL, group=_LEASES[0]):
                return None
            raise
        return self._see(lease)

    async def _write(self, version: str | None, spec: dict[str, Any]) -> None:
        """Write the lease unless it has changed since `version`, or made since it was None: then the answer is 409."""
        if version is None:
            body = {"metadata": {"name": self._name}, "spec": spec}
            lease = await self._api.create_namespaced_custom_object(*_LEASES, self._namespace, _PLURAL, body)
        else:
            body = {"metadata": {"resourceVersion": version}, "spec": spec}
            lease = await self._api.patch_namespaced_custom_object(
                *_LEASES, self._namespace, _PLURAL, self._name, body, _content_type="application/merge-patch+json"
            )
        self._see(lease)

    def _see(self, lease: Any) -> str:
        version = loose.word(loose.mapping(lease.get("metadata")).get("resourceVersion")) or ""
        if self._seen is None or self._seen.version != version:
            holder = loose.word(loose.mapping(lease.get("spec")).get("holderIdentity")) or ""
            self._seen = _Seen(version, holder, self._clock())
        return version

    @contextmanager
    def _noting(self) -> Iterator[None]:
        """Take note of why the API server could not be asked; a conflict is no trouble: the next look tells who."""
        try:
            yield
        except ApiException as error:
            if error.status == HTTPStatus.CONFLICT:
                return
            trouble = f"the API server answered {error.status}: {message_of(error)}"
        except NO_ANSWER as error:
            trouble = unreachable(error)
        else:
            return
        if trouble != self._trouble:
            log.warning("lease.unknown", extra=fields(lease=self, error=trouble[:300]))
        self._trouble = trouble


def _micro_time() -> str:
    """Write the time as Kubernetes' MicroTime wants it, with all six digits: for people to read, nobody goes by it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
