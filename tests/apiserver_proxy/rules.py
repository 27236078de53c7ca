"""What is done to the next requests that match a pattern."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Answer:
    """Say this in the API server's place; after the API server has done what it was asked, if so."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    after: bool


@dataclass(frozen=True, slots=True)
class Delay:
    """Ask the API server only after so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Freeze:
    """Take the request and never answer; `after`: the API server does what it was asked, and nobody hears of it."""

    after: bool


@dataclass(frozen=True, slots=True)
class Cut:
    """Close the connection without an answer; `after`: as with Freeze."""

    after: bool


Deed = Answer | Delay | Freeze | Cut


@dataclass(slots=True)
class _Rule:
    pattern: re.Pattern[str]
    deed: Deed
    times: float


@dataclass(slots=True)
class Rules:
    """The rules that stand, and all requests that were seen. Its words may be said from any thread."""

    _rules: list[_Rule] = field(default_factory=list)
    _seen: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, pattern: str, deed: Deed, times: float) -> None:
        with self._lock:
            self._rules.insert(0, _Rule(re.compile(pattern), deed, times))

    def clear(self) -> None:
        """Forget the rules, not what was seen."""
        with self._lock:
            self._rules.clear()

    def take(self, request: str) -> Deed | None:
        """Count a request, and give what is to be done to it."""
        with self._lock:
            self._seen.append(request)
            for rule in self._rules:
                if rule.times > 0 and rule.pattern.search(request):
                    rule.times -= 1
                    return rule.deed
            return None

    def seen(self, pattern: str) -> list[str]:
        with self._lock:
            return [request for request in self._seen if re.search(pattern, request)]
