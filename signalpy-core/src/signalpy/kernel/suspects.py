"""Everybody whose code may keep the event loop busy, put together when that is asked."""

from __future__ import annotations

import asyncio
from functools import partial
from types import FrameType
from typing import Any

from signalpy.bus import Dispatcher
from signalpy.kernel.culprit import Codes, Culprit, Owner, Role, place
from signalpy.kernel.entry import Catalog
from signalpy.kernel.loopwatch import Find
from signalpy.kernel.unit import Roster


class Suspects:
    """The components that a kernel knows, also those that start or stop, and the objects registered with it."""

    def __init__(self, catalog: Catalog, roster: Roster, dispatcher: Dispatcher) -> None:
        self._catalog = catalog
        self._roster = roster
        self._dispatcher = dispatcher

    def __repr__(self) -> str:
        return f"<Suspects({self._catalog!r}, {self._roster!r})>"

    def finder(self) -> Find:
        """What finds who runs in a stack of the loop's thread, as far as it is one of those of now. From any thread."""
        return partial(self._find, self._codes())

    def _find(self, codes: Codes, innermost: FrameType, task: asyncio.Task[Any] | None) -> Culprit:
        operation = self._dispatcher.doing(task) if task is not None else None
        name = operation.name if operation is not None else None
        role, own = codes.find(innermost) or (self._starter(task), innermost)
        if role is None:
            return Culprit(None, "", None, "", name, place(innermost), place(innermost))
        owner = role.owner
        return Culprit(owner.name, owner.version, owner.distribution, role.what, name, place(own), place(innermost))

    def _codes(self) -> Codes:
        codes = Codes()
        for entry in self._catalog:
            if entry.spec is not None:
                codes.add(entry.spec, entry.version or entry.spec.version, entry.distribution)
        for unit in self._roster:
            if unit.spec is not unit.entry.spec:
                codes.add(unit.spec, unit.spec.version, unit.entry.distribution)
        for implementations in self._dispatcher.hooks.implemented().values():
            for item in implementations:
                if item.owner is None:
                    codes.add_hook(item)
        return codes

    def _starter(self, task: asyncio.Task[Any] | None) -> Role | None:
        """Whose task it is that runs somebody else's code."""
        for unit in self._roster:
            if task in unit.ledger.tasks:
                entry = unit.entry
                version = entry.version or unit.spec.version
                return Role(Owner(unit.name, version, entry.distribution, unit.spec.cls), "a task")
        return None
