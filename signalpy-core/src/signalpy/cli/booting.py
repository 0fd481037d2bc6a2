"""A kernel for one command, and what the command starts it with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from signalpy.cli.options import Options
    from signalpy.configuration import Configuration
    from signalpy.kernel import Kernel

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Start:
    """What starts besides, or instead of, what the configuration says.

    :param without: patterns on names of components or distributions that are left out.
    :param safe: only what is built in starts, and ``plugins``.
    :param plugins: one-file plugins, ``FILE:CLASS``; each beats an installed component of its name.
    """

    without: tuple[str, ...] = ()
    safe: bool = False
    plugins: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.without or self.safe or self.plugins)

    def only_with_boot(self, *, boot: bool) -> Start:
        """Itself.

        :raises click.UsageError: if something was given and nothing starts.
        """
        if self and not boot:
            raise click.UsageError("--without, --safe and --plugin say what starts; they go with --boot.")
        return self

    def configuration(self, given: Options) -> Configuration:
        """The configuration of the user, for this start."""
        if not (self.without or self.safe):
            return given.configuration
        return given.configuration.leaving_out(without=self.without, safe=self.safe)


def start_options(command: F) -> F:
    """Adds ``--without``, ``--safe`` and ``--plugin``, of which the command makes ``Start(without, safe, plugin)``."""
    without = click.option(
        "--without", metavar="NAME", multiple=True, help="Leave a component or distribution out of this start."
    )
    safe = click.option("--safe", is_flag=True, help="Only what is built in; no installed plugin is imported.")
    plugin = click.option("--plugin", metavar="FILE:CLASS", multiple=True, help="Start a plugin that is one file.")
    return without(safe(plugin(command)))


def new_kernel(given: Options, start: Start, *, serves: bool) -> Kernel:
    """A kernel that has discovered everything that is to start, and has not booted.

    :param serves: whether it answers at ``[kernel] socket``; else that is left to the process that does.
    :raises Failure: if a one-file plugin cannot be used.
    :raises ConfigError: if the configuration is wrong, or nothing is installed under a name that is to be left out.
    """
    from signalpy.cli.onefile import component_in
    from signalpy.discovery.decision import decide, tell
    from signalpy.kernel import Kernel

    configuration = start.configuration(given)
    kernel = Kernel(configuration if serves else configuration.without_socket())
    classes = [component_in(reference, debug=given.debug) for reference in start.plugins]
    found = decide(given.reading, kernel.configuration.plugins)
    tell(found)
    kernel.discover(found)
    kernel.discover(classes)
    return kernel


def with_kernel(given: Options, use: Callable[[Kernel], Awaitable[T]], start: Start | None = None) -> T:
    """Boots, does one thing, shuts down. Warnings go to stderr, a line each.

    :raises BootError: if an essential component does not start.
    """
    import asyncio

    from signalpy.logs import to_stderr

    to_stderr("WARNING", tracebacks=given.debug)
    kernel = new_kernel(given, start or Start(), serves=False)

    async def boot() -> T:
        async with kernel:
            return await use(kernel)

    return asyncio.run(boot())
