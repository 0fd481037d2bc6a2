"""What the kernel tells of itself: to the components that run in it, and to those that record its start."""

from __future__ import annotations

from typing import Any

from signalpy import __version__
from signalpy.bus import Dispatcher
from signalpy.discovery.records import loaded_inventory
from signalpy.kernel.entry import Catalog
from signalpy.kernel.unit import Roster
from signalpy.runtime import Facts
from signalpy.states import State


def facts_of(catalog: Catalog, dispatcher: Dispatcher) -> Facts:
    """What a component may ask: what is loaded, the policies in force, and the targets that there are."""

    def inventory() -> list[dict[str, str | None]]:
        loaded = {entry.distribution for entry in catalog if entry.spec is not None and entry.distribution}
        return loaded_inventory([*loaded, "signalpy-core"])

    def targets() -> dict[str, Any]:
        specs = [entry.spec for entry in catalog if entry.spec is not None and entry.state is State.ACTIVE]
        return {f"{spec.name}.{item.name}": item.params for spec in specs for item in spec.runnables}

    def policies() -> dict[str, dict[str, Any]]:
        return dispatcher.policies.entries()

    return Facts(inventory, policies, targets)


def at_start(roster: Roster, dispatcher: Dispatcher) -> dict[str, Any]:
    """The payload of ``kernel.started``; ``weakened`` is in it only if there is anything to say."""
    weakened = dispatcher.hooks.weakened()
    return {
        "version": __version__,
        "components": [unit.name for unit in roster],
        **({"weakened": weakened} if weakened else {}),
    }
