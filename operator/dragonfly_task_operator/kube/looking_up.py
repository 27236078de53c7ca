"""What goes wrong with a request to the API server, mapped once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
from kubernetes.aio.client import ApiException

from dragonfly_task_operator import own_trouble
from dragonfly_task_operator.errors import LookupFailed
from dragonfly_task_operator.kube.answers import message_of

NO_ANSWER = (aiohttp.ClientError, TimeoutError, OSError)
"""What is raised when the API server can't be reached."""


def unreachable(error: BaseException) -> str:
    """Say for a person that the API server can't be reached, and why."""
    why = str(error) or type(error).__name__
    return f"the API server can't be reached: {why}"


@contextmanager
def looking_up(what: str) -> Iterator[None]:
    """Ask inside of the block, for something that a person calls `what`. Raises LookupFailed, OwnTrouble."""
    try:
        yield
    except ApiException as error:
        raise LookupFailed(f"{what}: the API server answered {error.status}: {message_of(error)}") from None
    except NO_ANSWER as error:
        own_trouble.raise_if_own(error)
        raise LookupFailed(f"{what}: {unreachable(error)}") from None
