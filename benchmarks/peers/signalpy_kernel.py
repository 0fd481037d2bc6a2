"""signalpy-kernel, which this project succeeds; it imports as ``signalpy`` too."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Any

from benchmarks.awaits import EVENT, Handler, awaits, calls
from benchmarks.peers.serving import per_await, serve
from benchmarks.transfer import Transfer, validated

_NAME = "signalpy-kernel"
_PATTERNS = 1_000
_kernel: Any = import_module("signalpy.kernel")


def _handler() -> Handler:
    async def handler(event_type: str, data: Any) -> None:
        pass

    return handler


class Teller:
    """What invocations come to."""

    async def transfer(self, params: Any) -> int:
        """The handler."""
        return int(params["amount"])


class Driver:
    """Who publishes and invokes."""

    rt: Any


async def _boot(subscribers: list[Handler], patterns: int = 0) -> Any:
    """A booted kernel's runtime of the driver, with subscribers to the event and to other patterns."""
    Teller.transfer = _kernel.runnable("transfer", params=Transfer)(Teller.transfer)  # type: ignore[method-assign]
    kernel = _kernel.Kernel()
    kernel.discover([_kernel.component("teller", version="1.0")(Teller)])
    kernel.discover([_kernel.component("driver", version="1.0")(Driver)])
    await kernel.boot()
    runtime = kernel.lifecycle.get_instance("driver").instance.rt
    for handler in subscribers:
        runtime.on(EVENT, handler)
    for number in range(patterns):
        runtime.on(f"other.{number}.*", _handler())
    return runtime


async def _amount(params: Transfer) -> int:
    return params.amount


def main() -> None:
    """Serve."""
    handlers = [_handler() for _ in range(10)]
    with asyncio.Runner() as runner:
        samples = {}
        for count, patterns in ((1, 0), (10, 0), (1, _PATTERNS), (10, _PATTERNS)):
            runtime = runner.run(_boot(handlers[:count], patterns))
            name = f"publish {count}" + (f" beside {patterns}" if patterns else "")
            samples[name] = per_await(_NAME, runner, calls(runtime.publish), awaits(handlers[:count]))
        bus = runtime.bus
        samples["invoke"] = per_await(_NAME, runner, calls(bus.invoke, "teller.transfer"), validated(_amount))
        serve(_NAME, samples)


if __name__ == "__main__":
    main()
