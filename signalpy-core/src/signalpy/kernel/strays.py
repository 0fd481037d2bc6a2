"""What the configuration says of names that nothing has: a table without a component, a word on hooks that are gone."""

from __future__ import annotations

from collections.abc import Iterator

from signalpy.configuration import Configuration
from signalpy.hooks import HookRegistry, Implementation
from signalpy.isolation import INTERCEPTORS, HookSettings
from signalpy.kernel.entry import Catalog
from signalpy.matching import did_you_mean
from signalpy.states import State


def strays(configuration: Configuration, catalog: Catalog, hooks: HookRegistry) -> Iterator[str]:
    """A line for each. What belongs to a component that is known and does not run is none: its state tells enough."""
    for table in configuration.tables:
        if table not in catalog:
            hint = did_you_mean(table, catalog.names())
            yield f"{configuration.origin(table)}: no component owns the table [{table}].{hint}"
    implemented = hooks.implemented()
    for name, said in configuration.kernel.hooks.items():
        problem = _unheard(name, said, catalog, implemented)
        if problem:
            key = f"kernel.hooks.{name}"
            yield f"{configuration.setter(key)}: [{key}] counts for nothing so far: {problem}"


def _unheard(
    name: str, said: HookSettings, catalog: Catalog, implemented: dict[str, tuple[Implementation, ...]]
) -> str:
    entry = catalog.get(name)
    if name not in implemented:
        if entry is None:
            return f"no component and no registered object has this name.{did_you_mean(name, implemented)}"
        return "the component has no interceptor" if entry.state is State.ACTIVE else ""
    has = [item.hook for item in implemented[name] if item.hook in INTERCEPTORS]
    if not has:
        return "it has no interceptor"
    missing = [hook for hook in said.named() if hook not in has]
    return f"it has no {' and no '.join(missing)}, only {' and '.join(has)}" if missing else ""
