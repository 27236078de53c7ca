"""Which way resourceVersions go. They only grow, unless etcd is restored from a backup while this process runs.

Then what has been seen of objects is newer, by its number, than what they are now: every edit, every new status would
be taken for stale. So versions are compared within an era only, and what was seen in an earlier one is older than all.
"""

from __future__ import annotations

import logging

from dragonfly_task_operator.observability.logs import fields

log = logging.getLogger(__name__)

Age = tuple[int, int]
"""The era, and the resourceVersion in it: of two of one object, the greater is the newer."""


def number(resource_version: str) -> int:
    """Order resource versions: Kubernetes defines them as comparable integers since 1.35, and they have long been."""
    return int(resource_version) if resource_version.isdigit() else 0


class History:
    """What versions have been seen.

    Attributes:
        era: how often the versions have gone back since the process began.
    """

    def __init__(self) -> None:
        self.era = 0
        self._seen: dict[str, int] = {}

    def seen(self, what: str) -> int:
        """Give the highest version seen, of what is kept in one store and so counts in one way."""
        return self._seen.get(what, 0)

    def saw(self, what: str, resource_version: str) -> None:
        """Take note of a version."""
        self._seen[what] = max(self.seen(what), number(resource_version))

    def compare(self, what: str, resource_version: str, *, before: int, era: int) -> None:
        """Compare the version of an answer with what had been seen before it was asked for: it can't be lower.

        Args:
            what: as above.
            resource_version: of the answer, which must not come from a cache that lags behind.
            before: what had been seen when the request was sent.
            era: at that time.
        """
        version = number(resource_version)
        if era == self.era and 0 < version < before:
            self.era += 1
            self._seen = {what: version}
            log.warning("history.went_back", extra=fields(what=what, seen=before, now=version))
