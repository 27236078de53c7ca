"""What tasks are known by. Apart from the rest of the domain, which `task-id` need not wait for."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

TaskID: TypeAlias = str
"""64 hex digits."""


class Identity(StrEnum):
    """The rule that made a task id."""

    URL = "url"
    URL_LEGACY = "url-legacy"
    BLOB_DIGEST = "blob-digest"
    MANIFEST_DIGEST = "manifest-digest"
    CONTENT = "content"
    TASK_ID = "taskID"
