"""The bus: publish and invoke, as a component does it, with a policy in force and somebody acting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from itertools import count
from time import perf_counter_ns
from typing import Any, Final

from benchmarks.awaits import DATA, EVENT, Handler, awaits, calls
from benchmarks.families import Group
from benchmarks.floors import TARGET, intercepted, invoked, published
from benchmarks.harness import interleave, named
from benchmarks.lab import Lab
from benchmarks.rows import FLOOR, LIMIT, OURS, Row, Spec, at_most
from benchmarks.stage import Stage
from benchmarks.transfer import Transfer, validated
from signalpy import Call, component, hookimpl, runnable, subscribe
from signalpy.hookspecs import Proceed

PATTERNS: Final = 1_000
NEW: Final = 2_000
"""Names never seen before, in one sample."""

_BARE: Final = "one record, one context variable set and reset, one entry in a register, around the handlers"
_MORE: Final = (
    "What is above it: the gate, the look-up of the route, what a publisher may say besides, and what a drain needs to"
    " know of a route. In the floor the context variable alone costs as much as two awaits (CPython 3.11)."
)
_VALIDATED: Final = (
    "Calling the model's validator itself saves less than record, context, register and a second await cost."
    " Unknown fields are refused, which the limit does not do."
)
_INTERCEPTED: Final = (
    "A hook around a call is three coroutines more: the hook, its `proceed`, and the ring that ends both."
    " The floor does with two, for one hook that changes no value, has no time limit and is not named in errors."
)

ONE = Spec(
    id="bus.publish-1",
    work="publish, 1 async handler, context and policy on, no interceptor",
    limit="`await handler(type, data)`",
    unit="ns",
    reach=at_most(6),
    floor=_BARE,
    why=_MORE,
)
TEN = Spec(
    id="bus.publish-10",
    work="publish, 10 handlers",
    limit="10 awaits",
    unit="ns",
    reach=at_most(1.5),
    floor=_BARE,
    why=_MORE,
)
BESIDE_PATTERNS = Spec(
    id="bus.patterns",
    work=f"publish, 10 handlers, {PATTERNS:,} other wildcard patterns",
    limit="10 awaits",
    unit="ns",
    reach=at_most(3),
)
FLAT = Spec(
    id="bus.flat",
    work=f"publish, 1 handler, {PATTERNS:,} other wildcard patterns",
    limit="the same without the patterns",
    unit="ns",
    reach=at_most(1.1),
)
NEW_NAME = Spec(
    id="bus.new-name",
    work=f"publish under a name never seen before, {PATTERNS:,} patterns `literal*`: what it costs more",
    limit="publish under a known name",
    unit="µs",
    reach=at_most(2, "µs"),
)
INVOKE = Spec(
    id="bus.invoke",
    work="invoke, pydantic model of 3 fields, policy and context",
    limit="`model_validate` + await",
    unit="ns",
    reach=at_most(1.15),
    floor="the same around the model's own validator and one handler",
    why=_VALIDATED,
)
INTERCEPTED = Spec(
    id="bus.invoke-intercepted",
    work="the same with one interceptor",
    limit="`model_validate` + await",
    unit="ns",
    reach=at_most(2),
    floor="the same around one hook that goes inward through a function of its own",
    why=_INTERCEPTED,
)


def subscribers(handlers: int, patterns: int = 0) -> type:
    """A component with handlers of the event, ``handle0`` and so on, and handlers of other wildcard patterns."""

    def method() -> Callable[..., Any]:
        async def handle(self: Any, event_type: str, data: Any) -> None:
            pass

        return handle

    members = {f"handle{number}": subscribe(EVENT)(method()) for number in range(handlers)}
    members |= {f"other{number}": subscribe(f"other.{number}.*")(method()) for number in range(patterns)}
    return component("subscribers", version="1.0")(type("Subscribers", (), members))


@component("accounts", version="1.0")
class Accounts:
    """What is invoked."""

    @runnable("transfer", params=Transfer)
    async def transfer(self, params: Transfer) -> int:
        """The handler."""
        return params.amount


class Interceptor:
    """Lets everything pass."""

    @hookimpl
    async def signalpy_invoke(self, call: Call, proceed: Proceed) -> Any:
        """Around an invocation."""
        return await proceed()


def publications(lab: Lab) -> Sequence[Row]:
    """One handler, and ten."""
    return [
        _published(lab, ONE, 1, "aiosignal", "blinker", "signalpy-kernel", "pyee"),
        _published(lab, TEN, 10, "aiosignal", "blinker", "signalpy-kernel", "pyee"),
    ]


def _published(lab: Lab, spec: Spec, handlers: int, *names: str, patterns: int = 0) -> Row:
    peers = lab.peers(f"publish {handlers}" + (f" beside {patterns}" if patterns else ""), *names)
    with Stage(subscribers(handlers, patterns)) as stage:
        called = _handlers(stage, handlers)
        samples = interleave(
            [
                stage.taker(LIMIT, awaits(called)),
                stage.taker(OURS, calls(stage.rt.publish)),
                stage.taker(FLOOR, published(called)),
                *peers.takers,
            ],
            lab.budget(6),
        )
    return spec.row(samples, note=peers.missing)


def many_patterns(lab: Lab) -> Sequence[Row]:
    """Ten handlers beside many patterns, and one with and without them."""
    rows = [_published(lab, BESIDE_PATTERNS, 10, "signalpy-kernel", patterns=PATTERNS)]
    with Stage(subscribers(1)) as without, Stage(subscribers(1, PATTERNS)) as beside:
        samples = interleave(
            [without.taker(LIMIT, calls(without.rt.publish)), beside.taker(OURS, calls(beside.rt.publish))],
            lab.budget(4),
        )
    return [*rows, FLAT.row(samples)]


def new_names(lab: Lab) -> Sequence[Row]:
    """Names never seen before, among them some that push older ones out of the bounded cache."""
    fresh = count()
    patterns = [f"other.{number}.*" for number in range(PATTERNS)]
    with Stage(subscribers(1, PATTERNS)) as stage:
        publish = stage.rt.publish

        async def each(names: Sequence[str]) -> float:
            began = perf_counter_ns()
            for name in names:
                await publish(name, DATA)
            return (perf_counter_ns() - began) / len(names)

        def take() -> dict[str, float]:
            known = stage.run(each([EVENT] * NEW))
            new = stage.run(each([f"account.new.{next(fresh)}" for _ in range(NEW)]))
            return {LIMIT: known, OURS: new - known}

        def match_all() -> float:
            began = perf_counter_ns()
            _ = [pattern for pattern in patterns if fnmatchcase(EVENT, pattern)]
            return perf_counter_ns() - began

        samples = interleave([take, named("fnmatch over all", match_all)], lab.budget(4))
    return [NEW_NAME.row(samples, scale=1e-3)]


def invocations(lab: Lab) -> Sequence[Row]:
    """Without and with an interceptor."""
    peers = lab.peers("invoke", "signalpy-kernel", "mediatr")
    with Stage(Accounts) as free, Stage(Accounts) as guarded:
        hook = Interceptor()
        guarded.kernel.hooks.register(hook)
        handle = free.kernel.get("accounts").transfer
        samples = interleave(
            [
                free.taker(LIMIT, validated(handle)),
                free.taker(OURS, calls(free.rt.invoke, TARGET)),
                free.taker(FLOOR, invoked(handle)),
                guarded.taker("guarded", calls(guarded.rt.invoke, TARGET)),
                guarded.taker("guarded floor", intercepted(handle, hook.signalpy_invoke)),
                *peers.takers,
            ],
            lab.budget(8),
        )
    with_one = {OURS: samples.pop("guarded"), FLOOR: samples.pop("guarded floor")}
    return [INVOKE.row(samples, note=peers.missing), INTERCEPTED.row({LIMIT: samples[LIMIT], **with_one})]


def _handlers(stage: Stage, handlers: int) -> list[Handler]:
    instance = stage.kernel.get("subscribers")
    return [getattr(instance, f"handle{number}") for number in range(handlers)]


GROUPS = (
    Group((ONE, TEN), publications),
    Group((BESIDE_PATTERNS, FLAT), many_patterns),
    Group((NEW_NAME,), new_names),
    Group((INVOKE, INTERCEPTED), invocations),
)
