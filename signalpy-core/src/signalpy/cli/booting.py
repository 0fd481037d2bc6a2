"""A kernel for the length of one command."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from signalpy.logs import to_stderr

if TYPE_CHECKING:
    from signalpy.cli.options import Options
    from signalpy.kernel import Kernel

T = TypeVar("T")


def with_kernel(given: Options, use: Callable[[Kernel], Awaitable[T]]) -> T:
    """Boots, does one thing, shuts down. Warnings go to stderr, a line each.

    :raises BootError: if an essential component does not start.
    """
    import asyncio

    from signalpy.kernel import Kernel

    async def boot() -> T:
        async with Kernel(given.configuration) as kernel:
            return await use(kernel)

    to_stderr("WARNING", tracebacks=given.debug)
    return asyncio.run(boot())
