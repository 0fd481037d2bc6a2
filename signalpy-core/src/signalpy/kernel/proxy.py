"""A proxy: an object with a component's runnables as methods, which go over the bus."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from signalpy.bus import Bus
from signalpy.definition import ComponentSpec
from signalpy.definition.adoption import arguments_of
from signalpy.matching import did_you_mean


class Proxy:
    """Sends method calls of ``component`` over the bus, as the application's own calls.

    A runnable of an adopted object takes the arguments of its method; any other takes its parameters by name, or one
    mapping or model instance. ``sync`` has the same methods for threads, where they return the result itself.
    """

    def __init__(self, bus: Bus, component: str, spec: Callable[[], ComponentSpec | None]) -> None:
        self._bus = bus
        self._component = component
        self._spec = spec

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({self._component})>"

    @property
    def sync(self) -> SyncProxy:
        """The same methods for threads."""
        return SyncProxy(self._bus, self._component, self._spec)

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        bus, target = self._bus, self._target(name)

        async def method(*args: Any, **kwargs: Any) -> Any:
            return await bus.invoke(target, self._params(name, args, kwargs))

        return method

    def _target(self, name: str) -> str:
        known = self._runnables()
        if name.startswith("__") or (known and name not in known):
            raise AttributeError(f"component {self._component!r} has no runnable {name!r}.{did_you_mean(name, known)}")
        return f"{self._component}.{name}"

    def _runnables(self) -> list[str]:
        spec = self._spec()
        return [item.name for item in spec.runnables] if spec is not None else []

    def _params(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        spec = self._spec()
        return arguments_of(spec.cls if spec is not None else object, name, args, kwargs)


class SyncProxy(Proxy):
    """A proxy whose methods block the calling thread until the result is there; not for the loop's own thread."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        bus, target = self._bus, self._target(name)

        def method(*args: Any, **kwargs: Any) -> Any:
            return bus.invoke_sync(target, self._params(name, args, kwargs))

        return method
