"""One address that something of Dragonfly serves at: a peer or a scheduler.

Here is what both have in common: the socket and what becomes of it (`Link`), the counting of calls, and faults put on
calls. What a call means is not known here. Answers are raw bytes, because a fault may be that they are garbage.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NoReturn, Protocol, TypeAlias

import grpc
from google.protobuf.message import Message

from tests.simulator import sockets, tls
from tests.simulator.conditions import Conditions
from tests.simulator.faults import Fault, FaultKind, Link, Misbehaving

Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"
Handler: TypeAlias = "grpc.RpcMethodHandler[bytes, bytes]"
Act: TypeAlias = Callable[[Any], Awaitable[bytes]]

EMPTY = b""  # google.protobuf.Empty
OVERLOADED = "server is overloaded: too many requests, please retry later"  # dfdaemon 1.5.10's words
GARBAGE = b"\xff" * 12  # no protobuf tag is that long
_OPTIONS = (("grpc.so_reuseport", 0),)  # two simulators on one port shall not share it unseen
_REBINDING_SECONDS = 5.0


class StatusError(Exception):
    """The answer is a gRPC status other than OK."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(code, details)
        self.code = code
        self.details = details


class Call(Protocol):
    """What a handler knows of the caller; gRPC's context, or nobody's when one endpoint calls another in process."""

    def peer(self) -> str: ...


class Endpoint(Misbehaving):
    """A server at its own address, which counts what it is asked and may misbehave.

    `calls` counts requests by name of call, whatever came of them; `per_second` those that a limit counts, by second of
    the monotonic clock; `clients` are the sockets that have made a call ("ipv4:127.0.0.1:40001"): their number is that
    of the connections used. `crashed_by` has the full names of methods that take a real process down, as they were
    called.
    """

    def __init__(self, *, address: sockets.Address, conditions: Conditions, calls: tuple[str, ...]) -> None:
        super().__init__(calls)
        self.address = address
        self.link = Link.REFUSED
        self.calls: Counter[str] = Counter()
        self.per_second: Counter[int] = Counter()
        self.clients: set[str] = set()
        self.crashed_by: list[str] = []
        self._conditions = conditions
        self._requests_per_second: Callable[[], int | None] = lambda: None
        self._close: Callable[[], Awaitable[None]] | None = None
        self._changing = asyncio.Lock()
        self._change: asyncio.Future[None] | None = None
        self._patience = 0.0

    @property
    def target(self) -> str:
        """The address as gRPC takes it."""
        return sockets.host_port(self.address)

    @property
    def is_serving(self) -> bool:
        """Whether gRPC is spoken here."""
        return self.link is Link.SERVING

    # What may become of it

    async def becomes(self, link: Link | str) -> None:
        """Change what there is at the address; open connections are closed. Raises OSError when it is taken."""
        # A change that is half done when its caller is cancelled goes on: gRPC's stop() does not survive being cancelled.  # noqa: E501
        self._change = asyncio.ensure_future(self._changed_to(Link(link)))
        await asyncio.shield(self._change)

    async def goes_down(self) -> None:
        """Stop, as a process that is killed does; what it stores stays on its disk."""
        await self.becomes(Link.REFUSED)

    async def comes_back(self) -> None:
        """Serve again, at the same address."""
        await self.becomes(Link.SERVING)

    def forgets_calls(self) -> None:
        """Count from zero."""
        for counted in (self.calls, self.per_second, self.clients, self.crashed_by):
            counted.clear()

    # Serving

    def _methods(self) -> Mapping[str, Handler]:
        """Handlers by full name of method."""
        raise NotImplementedError

    def _kills(self, method: str) -> bool:
        """Whether this method, which is none of `_methods`, takes the real process down."""
        raise NotImplementedError

    def _prepared(self, fault: Fault, request: Any) -> Callable[[], None]:
        """Look at the state before a call that `fault` lets through; returns what to do after it."""
        raise NotImplementedError

    def unary(
        self,
        call: str,
        request_type: type[Message],
        act: Act,
        *,
        asked: Callable[[Any], None] | None = None,
        limited: bool = True,
    ) -> Handler:
        """Make the handler of one call. `asked` hears of each request, even one that a fault then swallows.

        One that is not `limited` is answered at any rate, and not counted in `per_second`.
        """
        parse = request_type.FromString
        conditions = self._conditions

        async def serve(raw: bytes, context: Context) -> bytes:
            self.calls[call] += 1
            self.clients.add(context.peer())
            if limited and self._is_over_its_rate():
                await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, OVERLOADED)
            request = parse(raw)
            if asked is not None:
                asked(request)
            if conditions.latency:
                await asyncio.sleep(conditions.latency)
            try:
                return await (self.struck(call, request, act, context) if self.faults else act(request))
            except StatusError as status:
                await context.abort(status.code, status.details)

        return grpc.unary_unary_rpc_method_handler(serve)

    def _is_over_its_rate(self) -> bool:
        second = int(time.monotonic())
        self.per_second[second] += 1
        limit = self._requests_per_second()
        return limit is not None and self.per_second[second] > limit

    async def struck(self, call: str, request: Any, act: Act, caller: Call) -> bytes:
        """Do a call under the faults that are set. Raises StatusError."""
        deciding: Fault | None = None
        afterwards: list[Callable[[], None]] = []
        for fault in self.faults.striking(call, getattr(request, "task_id", "")):
            match fault.kind:
                case FaultKind.SLOW:
                    await asyncio.sleep(fault.seconds)
                case FaultKind.RECACHES:
                    afterwards.append(self._prepared(fault, request))
                case _:
                    deciding = fault

        async def work() -> bytes:
            try:
                return await act(request)
            finally:
                for each in afterwards:
                    each()

        return await work() if deciding is None else await self._decided(deciding, work, caller)

    async def _decided(self, fault: Fault, work: Callable[[], Awaitable[bytes]], caller: Call) -> bytes:
        if fault.kind is FaultKind.GARBLES or fault.after:
            with contextlib.suppress(StatusError):  # the fault's own answer is the one that is given
                await work()
        match fault.kind:
            case FaultKind.FAILS:
                raise StatusError(fault.code, fault.details)
            case FaultKind.GARBLES:
                return GARBAGE
            case FaultKind.KEEPS:
                return EMPTY
            case FaultKind.RESETS:
                sockets.drop_connection(local=self.address, remote=caller.peer())
            case FaultKind.DIES:
                self._conditions.background.spawn(self._dies_for(fault.seconds))
        return await _never()

    async def _dies_for(self, seconds: float) -> None:
        await self.goes_down()
        if seconds > 0:
            await asyncio.sleep(seconds)
            await self.comes_back()

    async def _changed_to(self, wanted: Link) -> None:
        async with self._changing:
            if wanted is self.link:
                return
            self.link = Link.REFUSED
            if self._close is not None:
                await self._close()
            self._close = None
            if wanted is not Link.REFUSED:
                self._close = await self._opened(wanted)
                self.link = wanted
                self._patience = _REBINDING_SECONDS

    async def _opened(self, link: Link) -> Callable[[], Awaitable[None]]:
        match link:
            case Link.BLACKHOLED:
                closing = sockets.blackhole(self.address)
            case Link.MUTE:
                closing = await sockets.mute(self.address)
            case Link.NOISE:
                closing = await sockets.noise(self.address)
            case Link.RESETTING:
                closing = await sockets.resetting(self.address)
            case _:
                return await self._grpc_server(stranger=link is Link.WRONG_TLS)

        async def close() -> None:
            closing()

        return close

    async def _grpc_server(self, *, stranger: bool) -> Callable[[], Awaitable[None]]:
        server = grpc.aio.server(handlers=(_Methods(self._methods(), self._unknown),), options=_OPTIONS)
        give_up = time.monotonic() + self._patience
        while not self._bind(server, stranger=stranger):
            if time.monotonic() > give_up:
                raise OSError(f"cannot listen at {self.target}: it is taken, or no address of this machine")
            await asyncio.sleep(0.01)  # gRPC lets go of a closed listener a moment after stop() returns
        await server.start()

        async def close() -> None:
            await server.stop(grace=None)

        return close

    def _bind(self, server: grpc.aio.Server, *, stranger: bool) -> bool:
        try:
            if stranger:
                return bool(server.add_secure_port(self.target, tls.stranger_credentials()))
            if self._conditions.tls:
                return bool(server.add_secure_port(self.target, tls.server_credentials(self._conditions.tls)))
            return bool(server.add_insecure_port(self.target))
        except RuntimeError:
            return False

    def _unknown(self, method: str) -> Handler | None:
        if not self._kills(method):
            return None  # which gRPC answers with UNIMPLEMENTED

        async def crash(raw: bytes, context: Context) -> bytes:
            self.crashed_by.append(method)
            self._conditions.background.spawn(self.goes_down())
            return await _never()

        return grpc.unary_unary_rpc_method_handler(crash)


class _Methods(grpc.GenericRpcHandler):
    def __init__(self, handlers: Mapping[str, Handler], unknown: Callable[[str], Handler | None]) -> None:
        self._handlers = handlers
        self._unknown = unknown

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler | None:
        method = handler_call_details.method
        return self._handlers.get(method) or self._unknown(method)


async def _never() -> NoReturn:
    """Wait until the call is cancelled: by its caller, or by the server's end."""
    await asyncio.get_running_loop().create_future()
    raise AssertionError("unreachable")
