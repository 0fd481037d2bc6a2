"""The registry of hook implementations: pluggy keeps them, the kernel orders them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pluggy

from signalpy import hookspecs
from signalpy.errors import HookError
from signalpy.hooks.plugin import Implementation, Plugin, hooks_of, overridden, plugin_of
from signalpy.hookspecs import PROJECT
from signalpy.isolation import INTERCEPTORS, HookSettings
from signalpy.ordering import CycleError, stable_order

log = logging.getLogger("signalpy.hooks")


class HookRegistry:
    """Where implementations are registered. ``on_change`` is called after each change of the rings."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._plugins: dict[str, Plugin] = {}
        self._next = 0
        self._orders: dict[str, tuple[Implementation, ...]] = {}
        self._said: Mapping[str, HookSettings] = {}
        self.on_change: Any = None

    def __repr__(self) -> str:
        return f"<HookRegistry(plugins={len(self._plugins)})>"

    def register(self, subject: object, name: str | None = None) -> str:
        """Registers a plain object's implementations.

        :param name: how ``before``, ``after`` and error notes call it; the class's name if not given.
        :returns: the name.
        :raises HookError: for a wrong implementation, an object without one, or a name that is taken.
        """
        if any(plugin.subject is subject for plugin in self._plugins.values()):
            raise HookError(f"{_named(subject)} is registered already.", plugin=name, hook=None)
        hooks = hooks_of(subject)
        if not hooks:
            raise HookError(
                f"{_named(subject)} implements no hook. Mark its methods with @hookimpl.", plugin=name, hook=None
            )
        chosen = name or self._free_name(_named(subject))
        self.install(plugin_of(subject, chosen, hooks=hooks))
        return chosen

    def unregister(self, subject: object) -> None:
        """Takes back what ``register`` did; operations that are under way keep the rings they started with.

        :raises HookError: if it is not registered.
        """
        for plugin in self._plugins.values():
            if plugin.subject is subject:
                return self.remove(plugin)
        raise HookError(f"{_named(subject)} is not registered.", plugin=None, hook=None)

    def install(self, plugin: Plugin, *, instead_of: Plugin | None = None) -> None:
        """Registers a checked plugin, in the place of another if one is given.

        :raises HookError: if the name is taken, or ``before`` and ``after`` contradict each other; nothing is changed
            then.
        """
        held = self._plugins.get(plugin.name)
        if held is not None and held is not instead_of:
            raise HookError(
                f"the name {plugin.name!r} is taken by another object. Give another name.",
                plugin=plugin.name,
                hook=None,
            )
        place = instead_of.place if instead_of is not None else self._next
        others = [item for item in self._plugins.values() if item is not instead_of]
        _place(plugin, place)
        self._isolate(plugin)
        orders = self._orders | _orders([*others, plugin], _hooks(plugin, instead_of))
        if instead_of is not None:
            self._forget(instead_of)
        else:
            self._next += 1
        self._manager.register(plugin.holder, plugin.name)
        self._plugins[plugin.name] = plugin
        self._swap(orders)
        self._tell([plugin])

    def remove(self, plugin: Plugin) -> None:
        """Takes a plugin out; one that is not in is passed over."""
        if self._plugins.get(plugin.name) is plugin:
            self._forget(plugin)
            self._swap(self._orders | _orders(self._plugins.values(), _hooks(plugin)))

    def isolate(self, said: Mapping[str, HookSettings]) -> None:
        """Puts the operator's word on failing and slow interceptors in force, from the next operation on.

        :param said: tables by name of component or registered object; of what has none, its author's word counts.
        """
        self._said = said
        plugins = list(self._plugins.values())
        for plugin in plugins:
            self._isolate(plugin)
        self._swap(_orders(plugins, _hooks(*plugins)))
        self._tell(plugins)

    def weakened(self) -> list[str]:
        """Each implementation that is passed over when it fails, though its author has it stop the operation."""
        return [str(item) for item in _weakened(self._plugins.values())]

    def passed_over(self) -> dict[str, int]:
        """How often each implementation failed and the operation went on without it; of those that did."""
        every = (item for plugin in self._plugins.values() for item in plugin.implementations)
        return {str(item): item.passed_over for item in every if item.passed_over}

    def implemented(self) -> dict[str, tuple[Implementation, ...]]:
        """What is registered, by the name of its component or object."""
        return {name: plugin.implementations for name, plugin in self._plugins.items()}

    def ordered(self, hook: str) -> tuple[Implementation, ...]:
        """The implementations of ``hook``, the outermost first."""
        return self._orders.get(hook, ())

    def notify(self, hook: str, **arguments: Any) -> list[Any]:
        """Calls the implementations of a notice; one that raises is logged and the others run.

        :returns: what they returned.
        """
        given = []
        for item in self.ordered(hook):
            try:
                given.append(item.function(**{name: arguments[name] for name in item.takes}))
            except KeyboardInterrupt:
                raise
            except BaseException:
                log.exception("hook %s failed", item)
        return given

    def _isolate(self, plugin: Plugin) -> None:
        said = self._said.get(plugin.name)
        records = plugin.records
        plugin.implementations = tuple([overridden(item, said, records=records) for item in plugin.implementations])

    def _tell(self, plugins: Iterable[Plugin]) -> None:
        """Says in the log where the operator's word opens what its author keeps shut, and where it may not."""
        for item in _weakened(plugins):
            log.warning(
                "hook %s is passed over when it fails, as [kernel.hooks] has it; its author says that its failure stops"
                " the operation",
                item,
            )
        for plugin in plugins:
            said = self._said.get(plugin.name)
            if (
                said is not None
                and plugin.records
                and any(said.of(hook).on_error == "isolate" for hook in INTERCEPTORS)
            ):
                log.warning(
                    '[kernel.hooks.%s] on_error = "isolate" counts for nothing: it records, and no failure of what'
                    " records is passed over",
                    plugin.name,
                )

    def _forget(self, plugin: Plugin) -> None:
        self._manager.unregister(plugin.holder)
        del self._plugins[plugin.name]

    def _swap(self, orders: dict[str, tuple[Implementation, ...]]) -> None:
        self._orders = orders
        if self.on_change is not None:
            self.on_change()

    def _free_name(self, base: str) -> str:
        count = 1
        while (name := base if count == 1 else f"{base}-{count}") in self._plugins:
            count += 1
        return name


def _named(subject: object) -> str:
    name = getattr(subject, "__name__", None)
    return name if isinstance(name, str) else type(subject).__name__


def _weakened(plugins: Iterable[Plugin]) -> Iterator[Implementation]:
    return (item for plugin in plugins for item in plugin.implementations if item.weakened)


def _place(plugin: Plugin, place: int) -> None:
    plugin.place = place
    for item in plugin.implementations:
        item.place = place


def _hooks(*plugins: Plugin | None) -> set[str]:
    return {item.hook for plugin in plugins if plugin is not None for item in plugin.implementations}


def _orders(plugins: Iterable[Plugin], hooks: Iterable[str]) -> dict[str, tuple[Implementation, ...]]:
    """The implementations of each of ``hooks``, in order."""
    every = [item for plugin in plugins for item in plugin.implementations]
    return {hook: _ordered([item for item in every if item.hook == hook]) for hook in hooks}


def _ordered(items: list[Implementation]) -> tuple[Implementation, ...]:
    base = sorted(items, key=lambda item: (not item.options.tryfirst, item.options.trylast, -item.place))
    if not any(item.options.after or item.options.before for item in base):
        return tuple(base)
    by_name = {item.plugin: item for item in base}
    after: dict[str, set[str]] = {name: set(item.options.after) for name, item in by_name.items()}
    for name, item in by_name.items():
        for inner in item.options.before:
            after.setdefault(inner, set()).add(name)
    try:
        return tuple(by_name[name] for name in stable_order(list(by_name), after))
    except CycleError as error:
        raise HookError(
            f"before/after of {base[0].hook} contradict each other: {error}. Remove one of them.",
            plugin=error.cycle[0],
            hook=base[0].hook,
            cycle=error.cycle,
        ) from None
