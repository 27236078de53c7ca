"""What may go wrong with a call, as data.

The operator is judged by how it reads answers that lie, come late or never come. This room names those answers once, so
that a test, the command line and the control interface put the same ones on a peer or a scheduler. What a fault does to
the state behind the endpoint is decided in `endpoint.py`; trouble below gRPC (refused connections, noise on the socket)
is a `Link`, not a fault.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import grpc

EVERY_CALL = "all"


class FaultKind(StrEnum):
    """What a fault does to a call that it meets."""

    FAILS = "fails"
    """Answers `code` with `details`; with `after`, only when the call has done its work."""
    HANGS = "hangs"
    """Never answers; with `after`, the call has done its work."""
    RESETS = "resets"
    """Cuts the TCP connection with RST while the call is open; with `after`, the call has done its work."""
    SLOW = "slow"
    """Waits `seconds` before the call, which then goes on."""
    GARBLES = "garbles"
    """Does the work, and answers OK with bytes that no protobuf parser takes."""
    KEEPS = "keeps"
    """Answers OK to a deletion and deletes nothing. Like an unlink that failed: dfdaemon only logs that."""
    RECACHES = "recaches"
    """Lets the deletion through; `seconds` later the peer has the task again, as if somebody had downloaded it."""
    DIES = "dies"
    """Goes down in the middle of the call; with `seconds` above 0, comes back after them."""


class Link(StrEnum):
    """How an endpoint answers below gRPC, for every call alike."""

    SERVING = "serving"
    REFUSED = "refused"
    """Nothing listens: the connection is refused at once. A process that died on a node that lives."""
    BLACKHOLED = "blackholed"
    """SYN packets are dropped: connecting takes until the client gives up. A node that died, or a network policy."""
    MUTE = "mute"
    """Connections are accepted, and never a byte is sent. A process that is stopped."""
    RESETTING = "resetting"
    """Connections are accepted and cut with RST at the first byte."""
    NOISE = "noise"
    """Something else listens there: it answers any byte with an HTTP/1.1 error."""
    WRONG_TLS = "wrong-tls"
    """A gRPC server with TLS, and a certificate that no authority signed."""


PASS_THROUGH = frozenset({FaultKind.SLOW, FaultKind.RECACHES})
DELETION_ONLY = frozenset({FaultKind.KEEPS, FaultKind.RECACHES})


@dataclass(slots=True)
class Fault:
    """One kind of trouble, for the calls that it names.

    `call` is a call's name or "all". `times` is how often it strikes (None: until it is cleared), after the first
    `skip` matching calls. `task_id` narrows it to one task.
    """

    kind: FaultKind
    call: str = EVERY_CALL
    code: grpc.StatusCode = grpc.StatusCode.INTERNAL
    details: str = "simulated fault"
    after: bool = False
    seconds: float = 0.0
    times: int | None = None
    skip: int = 0
    task_id: str | None = None

    def __post_init__(self) -> None:
        if self.kind in DELETION_ONLY and self.call == EVERY_CALL:
            self.call = "delete"
        if self.kind in DELETION_ONLY and self.call != "delete":
            raise ValueError(f"a fault that {self.kind} is for the call delete, not for {self.call}")

    def meets(self, call: str, task_id: str) -> bool:
        """Whether it strikes this call; counts `skip` and `times` down."""
        if self.call not in (call, EVERY_CALL) or self.task_id not in (None, task_id):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.times is None:
            return True
        self.times -= 1
        return self.times >= 0

    def to_json(self) -> dict[str, Any]:
        """As JSON has it; the inverse of `from_json`."""
        return dataclasses.asdict(self) | {"kind": self.kind.value, "code": self.code.name}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Fault:
        """Read a fault as `Control.fails` sends it. Raises ValueError, naming what is known, for anything else."""
        given = dict(fields)
        known = {field.name for field in dataclasses.fields(cls)}
        if unknown := given.keys() - known:
            raise ValueError(f"a fault has no {', '.join(sorted(unknown))}; it has {', '.join(sorted(known))}")
        given["kind"] = FaultKind(given.get("kind", ""))
        if "code" in given:
            given["code"] = status_code(given["code"])
        return cls(**given)

    @classmethod
    def parse(cls, words: str) -> tuple[str, Fault]:
        """Read the command line's form, WHO CALL KIND [KEY=VALUE...], and give back who has the fault, and the fault.

        For example `n3,n4 delete fails code=UNAVAILABLE details='going away' after=yes times=2`. Raises ValueError.
        """
        match shlex.split(words):
            case [who, call, kind, *pairs] if all("=" in pair for pair in pairs):
                fields = {key: _typed(key, value) for key, _, value in (pair.partition("=") for pair in pairs)}
                return who, cls.from_json({"call": call, "kind": kind} | fields)
            case _:
                raise ValueError(f"a fault is written WHO CALL KIND [KEY=VALUE...], not {words!r}")


class Faults:
    """The faults of one endpoint, in the order in which they were set."""

    def __init__(self, calls: Sequence[str]) -> None:
        self._calls = (*calls, EVERY_CALL)
        self._set: list[Fault] = []

    def __bool__(self) -> bool:
        return bool(self._set)

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._set)

    def add(self, fault: Fault) -> Fault:
        """Set one more. Raises ValueError when the endpoint has no such call."""
        if fault.call not in self._calls:
            raise ValueError(f"no call {fault.call!r} here; there are {', '.join(self._calls)}")
        self._set.append(fault)
        return fault

    def clear(self, call: str | None = None) -> None:
        """Forget those set for `call`, or all."""
        self._set = [fault for fault in self._set if call is not None and fault.call != call]

    def striking(self, call: str, task_id: str) -> Sequence[Fault]:
        """Those that strike this call: any number that let it through, and at most one that does not."""
        struck = list(_until_decided(self._set, call, task_id))
        self._set = [fault for fault in self._set if fault.times is None or fault.times > 0]
        return struck


class Misbehaving:
    """What may have faults, and the words that set them.

    Each word gives back the fault that it set. It strikes calls of that name ("all": any) after the first `skip` of
    them, `times` times (None: until `recovers`), only those for `task_id` where one is given.
    """

    def __init__(self, calls: Sequence[str]) -> None:
        self.faults = Faults(calls)

    def fails(
        self,
        call: str = "all",
        *,
        code: grpc.StatusCode = grpc.StatusCode.INTERNAL,
        details: str = "simulated fault",
        after: bool = False,
        times: int | None = None,
        skip: int = 0,
        task_id: str | None = None,
    ) -> Fault:
        """Answer this status; with `after`, only when the work is done."""
        fault = Fault(
            FaultKind.FAILS, call, code=code, details=details, after=after, times=times, skip=skip, task_id=task_id
        )
        return self.faults.add(fault)

    def hangs(self, call: str = "all", *, after: bool = False, times: int | None = None, skip: int = 0) -> Fault:
        """Never answer."""
        return self.faults.add(Fault(FaultKind.HANGS, call, after=after, times=times, skip=skip))

    def resets(self, call: str = "all", *, after: bool = False, times: int | None = None, skip: int = 0) -> Fault:
        """Cut the connection while the call is open."""
        return self.faults.add(Fault(FaultKind.RESETS, call, after=after, times=times, skip=skip))

    def is_slow(self, call: str = "all", *, seconds: float, times: int | None = None) -> Fault:
        """Wait before the call."""
        return self.faults.add(Fault(FaultKind.SLOW, call, seconds=seconds, times=times))

    def garbles(self, call: str = "all", *, times: int | None = None) -> Fault:
        """Answer OK with bytes that are no message."""
        return self.faults.add(Fault(FaultKind.GARBLES, call, times=times))

    def dies(self, call: str = "all", *, comes_back_after: float = 0.0, after: bool = False, skip: int = 0) -> Fault:
        """Go down in the middle of the next such call, for so many seconds (0: until told to come back)."""
        return self.faults.add(Fault(FaultKind.DIES, call, seconds=comes_back_after, after=after, times=1, skip=skip))

    def recovers(self, call: str | None = None) -> None:
        """Have no more faults with this call, or with any."""
        self.faults.clear(call)


def status_code(name: str) -> grpc.StatusCode:
    """Give the gRPC status code of this name. Raises ValueError, naming those that exist."""
    try:
        return grpc.StatusCode[name]
    except KeyError:
        known = ", ".join(code.name for code in grpc.StatusCode)
        raise ValueError(f"no gRPC status code {name!r}; there are {known}") from None


def _until_decided(faults: Iterable[Fault], call: str, task_id: str) -> Iterator[Fault]:
    for fault in faults:
        if fault.meets(call, task_id):
            yield fault
            if fault.kind not in PASS_THROUGH:
                return


def _typed(key: str, value: str) -> object:
    match key:
        case "times" | "skip":
            return int(value)
        case "seconds":
            return float(value)
        case "after":
            return value in ("1", "yes", "true")
        case _:
            return value
