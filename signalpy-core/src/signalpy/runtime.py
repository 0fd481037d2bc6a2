"""``self.rt``: all that a component touches."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from signalpy.bus import Bus, Dispatcher
from signalpy.errors import LifecycleError
from signalpy.operation import current_span

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a runtime tells of the kernel around it."""

    inventory: Callable[[], list[dict[str, str | None]]]
    policies: Callable[[], dict[str, dict[str, Any]]]
    targets: Callable[[], dict[str, Any]]


class Runtime(Bus):
    """A component's view of the kernel: its settings, its services as attributes, its door to the bus, and tasks.

    :ivar name: the component's name.
    :ivar version: the component's version.
    :ivar distribution: canonical name of the distribution it came with; ``None`` for a class that was given by hand.
    :ivar settings: an instance of the settings model, or the configuration table as it is.
    :ivar log: the logger ``signalpy.component.<name>``.
    """

    def __init__(
        self, *, name: str, version: str, distribution: str | None, settings: Any, dispatcher: Dispatcher, facts: Facts
    ) -> None:
        super().__init__(dispatcher, name)
        self._bind(asyncio.get_running_loop())
        self.name = name
        self.version = version
        self.distribution = distribution
        self.settings = settings
        self.log = logging.getLogger(f"signalpy.component.{name}")
        self._facts = facts
        self._services: dict[str, Any] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._stopped = False

    def __repr__(self) -> str:
        return f"<Runtime({self.name}, services={len(self._services)}, tasks={len(self._tasks)})>"

    def __getattr__(self, name: str) -> Any:
        services = self.__dict__.get("_services", {})
        if name in services:
            return services[name]
        known = ", ".join(services) or "none"
        raise AttributeError(
            f"rt of {self.__dict__.get('name')!r} has no service {name!r}; injected are: {known}. Declare it with"
            " @requires."
        )

    def create_task(self, coroutine: Coroutine[Any, Any, T], *, name: str | None = None) -> asyncio.Task[T]:
        """Starts a supervised task.

        It carries the context, a failure of it is logged, and it is cancelled when the component stops.

        :raises LifecycleError: if the component has stopped.
        """
        if self._stopped:
            coroutine.close()
            raise self._over()
        span = current_span()
        shown = name or f"{self.name}: {getattr(coroutine, '__qualname__', 'task')}"
        task = asyncio.create_task(_supervised(coroutine), name=shown)
        self._tasks.add(task)
        if span is not None:
            span.holds += 1

        def ended(task: asyncio.Task[T]) -> None:
            coroutine.close()  # one that was cancelled before it began has not been awaited
            self._tasks.discard(task)
            if span is not None:
                span.holds -= 1
            if not task.cancelled() and (error := task.exception()) is not None:
                self.log.error("task %r failed", task.get_name(), exc_info=error)

        task.add_done_callback(ended)
        return task

    def inventory(self) -> list[dict[str, str | None]]:
        """The distributions of this framework that are loaded: ``{"name", "version", "record_sha256"}`` each.

        Also those of which no component is, as long as a module that their entry points name is imported.
        """
        return self._facts.inventory()

    def policies(self) -> Mapping[str, Mapping[str, Any]]:
        """The policy entries in force, by name."""
        return self._facts.policies()

    def targets(self) -> Mapping[str, Any]:
        """The params model of every runnable of the components that run, by target; ``None`` where it has none."""
        return self._facts.targets()

    @property
    def services(self) -> Mapping[str, Any]:
        """The injected services by attribute."""
        return dict(self._services)

    def _stop(self) -> None:
        """Lets it be used no longer."""
        self._stopped = True
        self._close(self._over)

    def _over(self) -> LifecycleError:
        return LifecycleError(
            f"component {self.name!r} has stopped; its rt can no longer be used.", component=self.name
        )


async def _supervised(coroutine: Coroutine[Any, Any, T]) -> T:
    try:
        return await coroutine
    except SystemExit as error:
        # As it is, it would end the event loop and with it the application.
        raise RuntimeError(f"the task wanted the process to exit: SystemExit({error.code!r})") from error
