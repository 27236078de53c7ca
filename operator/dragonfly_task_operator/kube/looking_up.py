"""What goes wrong with a question to the API server about where something is, mapped once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
from kubernetes.aio.client import ApiException

from dragonfly_task_operator.errors import LookupFailed


@contextmanager
def looking_up(what: str) -> Iterator[None]:
    """Ask inside of the block, for something that a person calls `what`. Raises LookupFailed."""
    try:
        yield
    except ApiException as error:
        raise LookupFailed(f"{what}: the API server answered {error.status} {error.reason}") from None
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise LookupFailed(f"{what}: {type(error).__name__}: {error}") from None
