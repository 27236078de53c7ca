"""TaskReports kept in a dict, as the API server keeps them: versions, conflicts, and writes that fail."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from typing import Any

from kubernetes.aio.client import ApiException

from dragonfly_task_operator.api.page import Page
from dragonfly_task_operator.kube.objects import Conflict, NotFound, Ref
from dragonfly_task_operator.kube.reports import Reports, Sheet


class Store(Reports):
    """Pages by name.

    Attributes:
        fail: told of each write before it is made, by verb and name; may raise what the write is to meet.
        after: told of each write once it has been made.
    """

    def __init__(self) -> None:
        self.sheets: dict[str, Sheet] = {}
        self.bodies: dict[str, dict[str, Any]] = {}
        self.lists = 0
        self.fail: Callable[[str, str], None] = lambda verb, name: None
        self.after: Callable[[str, str], None] = lambda verb, name: None
        self._versions = 0

    def pages(self) -> dict[str, Page]:
        """What each says."""
        return {name: Page.model_validate(body) for name, body in sorted(self.bodies.items())}

    def clear(self) -> None:
        """Begin anew."""
        self.sheets.clear()
        self.bodies.clear()
        self.after = lambda verb, name: None

    def put(self, name: str, of: Ref | None, report: Mapping[str, Any]) -> Sheet:
        """Have a page there, whoever made it."""
        self._versions += 1
        before = self.sheets.get(name)
        uid = before.uid if before else f"uid-{self._versions}"
        sheet = self.sheets[name] = Sheet("default", name, uid, str(self._versions), of)
        self.bodies[name] = self.bodies.get(name, {}) | dict(report)
        return sheet

    async def create(self, ref: Ref, name: str, report: Mapping[str, Any]) -> Sheet:
        self.fail("create", name)
        if name in self.sheets:
            raise Conflict("there is one")
        sheet = self.put(name, ref, report)
        self.after("create", name)
        return sheet

    async def change(self, sheet: Sheet, report: Mapping[str, Any]) -> Sheet:
        self.fail("change", sheet.name)
        self._require(sheet)
        changed = self.put(sheet.name, sheet.of, report)
        self.after("change", sheet.name)
        return changed

    async def find(self, namespace: str, name: str) -> Sheet | None:
        self.fail("find", name)
        return self.sheets.get(name)

    async def all(self, namespace: str | None) -> AsyncIterator[Sheet]:
        self.lists += 1
        self.fail("list", "")
        for sheet in list(self.sheets.values()):
            yield replace(sheet)

    async def remove(self, sheet: Sheet) -> bool:
        self.fail("remove", sheet.name)
        if self.sheets.get(sheet.name) != sheet:
            return False
        del self.sheets[sheet.name], self.bodies[sheet.name]
        return True

    def _require(self, sheet: Sheet) -> None:
        there = self.sheets.get(sheet.name)
        if there is None:
            raise NotFound(ApiException(status=404, reason="Not Found"))
        if there != sheet:
            raise Conflict("it has changed")
