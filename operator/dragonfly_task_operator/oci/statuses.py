"""What a registry's answer means when it is not what was asked for, and when it may be asked again."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from dragonfly_task_operator.errors import ImageUnresolvable
from dragonfly_task_operator.oci.sources import Source
from dragonfly_task_operator.oci.transport import Answer

_MAX_WAIT = 366 * 86400.0
_UNIX_TIME = 1_000_000_000
"""A number from here on is a time and no delay: that is how Docker Hub writes it, and nobody has to wait 31 years."""


def require_ok(answer: Answer, who: str, *, is_known: bool, source: Source) -> None:
    """Raise ImageUnresolvable for any answer but 200.

    Args:
        answer: no refusal.
        who: answered, for the message.
        is_known: whether it was shown a login.
        source: where there might be one.
    """
    status = answer.status
    if status == HTTPStatus.OK:
        return
    said = f"{who} answered {words(status)}"
    now = datetime.now(UTC)
    wait = seconds_to_wait(answer.headers.get("Retry-After", ""), now)
    when = f"; it may be asked again at {_time(now, wait)}" if wait else ""
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        more = "" if is_known else f", or {source.give}: whom a registry knows may mostly pull more"
        raise ImageUnresolvable(f"{said}: its limit of pulls is reached{when}; wait{more}", retry_after=wait)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise ImageUnresolvable(f"{said}{when}; check the registry", retry_after=wait)
    raise ImageUnresolvable(f"{said}; check the registry")


def words(status: int) -> str:
    """Write a status with its phrase, where it has one."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def seconds_to_wait(retry_after: str, now: datetime) -> float:
    """Read Retry-After: seconds, or a time. 0 where it says neither; never more than a year."""
    text = retry_after.strip()
    try:
        if text.isascii() and text.isdigit():
            number = float(text)
            seconds = number - now.timestamp() if number >= _UNIX_TIME else number
        else:
            seconds = (parsedate_to_datetime(text) - now).total_seconds()
    except (ValueError, TypeError, OverflowError):  # no time, or one without a zone
        return 0
    return min(max(seconds, 0), _MAX_WAIT)


def _time(now: datetime, wait: float) -> str:
    return datetime.fromtimestamp(now.timestamp() + wait, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
