"""What is in force: the configuration and the policies, and how they are changed while the kernel runs."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from signalpy.bus import Dispatcher
from signalpy.configuration import Configuration
from signalpy.errors import LifecycleError
from signalpy.kernel.announcer import Announcer
from signalpy.kernel.conductor import Conductor
from signalpy.kernel.reloading import HOOKS, Reloaded, differences
from signalpy.operation import current
from signalpy.policy import Policies

log = logging.getLogger("signalpy.kernel")


class CurrentConfiguration:
    """The configuration in force, for those who must see a reload."""

    def __init__(self, configuration: Configuration) -> None:
        self.current = configuration


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """A change of the policies that is in force.

    :param before: every entry as it was, by name.
    :param after: every entry as it is.
    :param receipts: what recorders gave for it; see ``signalpy_policy_changed``.
    """

    before: dict[str, dict[str, Any]]
    after: dict[str, dict[str, Any]]
    receipts: tuple[Awaitable[Mapping[str, Any]], ...]


class Regime:
    """Changes what is in force, and tells of it.

    :param configuration: where the one in force is kept.
    """

    def __init__(self, configuration: CurrentConfiguration, dispatcher: Dispatcher, announcer: Announcer) -> None:
        self._configuration = configuration
        self._dispatcher = dispatcher
        self._announcer = announcer

    @property
    def policies(self) -> Policies:
        """The policies in force."""
        return self._dispatcher.policies

    def set_policy(self, name: str, keys: Mapping[str, Any]) -> PolicyChange:
        """Merges ``keys`` into the run-time entry ``name``. May be called from any thread.

        :raises PolicyError: and nothing is changed.
        """
        return self._swap(lambda policies: policies.with_entry(name, keys), name)

    async def put(self, new: Configuration, conductor: Conductor) -> Reloaded:
        """Puts a checked configuration in force.

        :raises LifecycleError: naming the components that do not take their new settings; all else is in force.
        """
        old, self._configuration.current = self._configuration.current, new
        changed = differences(old, new)
        if changed.policies:
            self._swap(lambda policies: policies.with_file(new.policy), "file")
        if HOOKS in changed.at_once:
            self._dispatcher.hooks.isolate(new.kernel.hooks)
        if changed.pending:
            log.warning("configuration: %s changed and counts from the next start", ", ".join(changed.pending))
        refused: list[str] = []
        try:
            await conductor.reconfigure(old, new)
        except LifecycleError as error:
            refused = error.__dict__["components"]
            raise
        finally:
            if changed:
                source = str(new.source) if new.source is not None else None
                weakened = self._dispatcher.hooks.weakened() if HOOKS in changed.at_once else []
                told = {"refused": refused, "weakened": weakened}
                data = {"source": source, **changed.as_dict(), **{key: names for key, names in told.items() if names}}
                self._announcer.put("kernel.configuration.changed", data)
        return changed

    def _swap(self, change: Callable[[Policies], Policies], name: str) -> PolicyChange:
        old, new = self._dispatcher.set_policies(change)
        before, after = old.entries(), new.entries()
        here = current()
        given = self._dispatcher.hooks.notify(
            "signalpy_policy_changed", before=before, after=after, actor=here.actor if here is not None else None
        )
        self._announcer.put("kernel.policy.changed", {"name": name, "before": before, "after": after})
        return PolicyChange(before, after, tuple(item for item in given if isinstance(item, Awaitable)))
