"""``signalpy run``: boots, serves until it is told to stop, drains."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import click

from signalpy.cli.booting import Start, new_kernel, start_options
from signalpy.cli.options import options
from signalpy.logs import to_stderr
from signalpy.states import State

if TYPE_CHECKING:
    from signalpy.kernel import Kernel

LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")

log = logging.getLogger("signalpy.cli")


@click.command()
@click.option("--log-level", type=click.Choice(LEVELS, case_sensitive=False), default="INFO", show_default=True)
@start_options
@click.pass_context
def run(ctx: click.Context, *, log_level: str, without: tuple[str, ...], safe: bool, plugin: tuple[str, ...]) -> None:
    """Boot, serve until SIGINT or SIGTERM, then drain and stop.

    A second signal ends the drain: what still runs is cancelled. Policies and configuration are read again when the
    file changes, and on SIGHUP; a wrong file changes nothing. Logs go to stderr, the policy lines as JSON.
    """
    import asyncio

    to_stderr(log_level.upper())
    kernel = new_kernel(options(), Start(without, safe, plugin), serves=True)
    ctx.exit(asyncio.run(_serve(kernel)))


async def _serve(kernel: Kernel) -> int:
    """The exit code: 0, or as shells have it 128 + the signal that cut the drain short."""
    import asyncio

    from signalpy.cli.notifier import Notifier
    from signalpy.cli.reloader import Reloader
    from signalpy.cli.signals import Signals, unless

    signals = Signals()
    notifier = Notifier.of_environment()
    reloader = Reloader(kernel, signals.hangup, notifier)
    with signals.watched():
        if not await unless(signals.stop, kernel.boot()):
            log.info("stopped before everything had started")
            return 0
        notifier.ready(_tell(kernel))
        reloading = asyncio.create_task(reloader.run())
        await signals.stop.wait()
        reloading.cancel()
        await asyncio.gather(reloading, return_exceptions=True)
        notifier.stopping("draining")
        log.info("stopping; a second signal cancels what still runs")
        if await unless(signals.force, kernel.shutdown()):
            log.info("stopped")
            return 0
        log.warning("stopped before everything had drained")
        return 128 + (signals.last or 0)


def _tell(kernel: Kernel) -> str:
    """Logs what runs and what should and does not; the first of it is returned."""
    rows = kernel.plugins()
    running = f"running: {', '.join(row.name for row in rows if row.state is State.ACTIVE)}"
    log.info("%s", running)
    for row in rows:
        if row.state not in (State.ACTIVE, State.DENIED):
            log.warning("%s is not active: %s", row.name, kernel.why(row.name))
    return running
