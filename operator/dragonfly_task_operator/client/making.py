"""How runs are made for people, where they do not say otherwise: the commands and the page make them alike."""

from __future__ import annotations

from dragonfly_task_operator.api.kinds import TASK_DELETION, TASK_SEARCH

PREFIXES = {TASK_SEARCH.name: "search-", TASK_DELETION.name: "delete-"}
"""Of the names that the API server makes up, by kind."""

TTL_SECONDS = 86_400
"""For which an object stays after it has finished."""

KEPT = ("targets", "schedulerClusterIDs")
"""Fields of a spec that mean the same in a search and in a deletion."""
