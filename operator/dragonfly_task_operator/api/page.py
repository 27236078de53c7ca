"""`report` of a TaskReport: a page of what is known of every peer, one row each, where a status holds only the first.

A page is written once and read by people and programs; nothing reconciles it, so it has neither spec nor status.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from dragonfly_task_operator.api.base import Model
from dragonfly_task_operator.api.status import Peer

MAX_ROWS = 1000
MAX_PAGE_BYTES = 900 << 10
MAX_PAGES = 50
"""Of one run."""

MAX_NAME = 253


def page_name(name: str, run_key: str, page: int, *, uid: str = "") -> str:
    """Name a page by its object, the run's key and its number; by its uid, too, if the name is another one's."""
    end = f"{f'-{uid[:8]}' if uid else ''}-{run_key[:8]}"
    return f"{name[: MAX_NAME - len(end) - len('-00')].rstrip('-.')}{end}-{page:02}"


class Owner(Model):
    """Whose run it is."""

    kind: str
    """TaskSearch or TaskDeletion."""
    name: str
    uid: str
    """Tells the object from a later one of the same name."""


class FailedTasks(Model):
    """What one peer could not do."""

    task: int
    """Index into tasks."""
    also: list[int] | None = None
    """Further tasks of which the same is to be said, as indexes: of a peer that failed with more than a few."""
    reason: str
    """Unreachable, Timeout, TLS, PermissionDenied, Unimplemented, Overloaded, Downloading, Internal or StillCached."""
    description: str
    """The peer's own error, or the transport's, cut at 1,024 characters."""
    attempts: int
    last_attempt_time: datetime


class Row(Peer):
    """A peer that has something to tell."""

    holds: list[int] | None = None
    """The tasks that it has, as indexes into tasks."""
    deleted: list[int] | None = None
    """The tasks that this run deleted from it, and that it, asked again, no longer has, as indexes into tasks."""
    complete: float | None = None
    """The share of an image's configs and layers that it has, from 0 to 1, rounded down. Only of image targets."""
    failed: list[FailedTasks] | None = None


class Page(Model):
    """A page of what a run learned of every peer. Only peers with something to tell have a row."""

    of: Owner
    run_key: str
    """The run's, as in the owner's status."""
    run_id: str | None = None
    page: Annotated[int, Field(ge=0)]
    """This one's number, from 0."""
    pages: Annotated[int, Field(ge=1)]
    """How many the run has."""
    complete: bool
    """True: all pages of the run are there. False: they are being written, or never came to be."""
    rows: int | None = None
    """How many peers are on this page."""
    tasks: list[str]
    """The ids that rows refer to by their indexes."""
    peers: Annotated[list[Row], Field(max_length=MAX_ROWS)]
    """Sorted by hostname."""
