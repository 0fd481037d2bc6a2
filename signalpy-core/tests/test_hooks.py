"""Hooks: rings around operations, their order, what they may do and what happens when they fail."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from pydantic import BaseModel

from signalpy import (
    HookError,
    InvalidParams,
    Kernel,
    PolicyDenied,
    Refused,
    TargetNotFound,
    component,
    hookimpl,
    runnable,
    subscribe,
)


class Number(BaseModel):
    n: int


@component("math", version="1.0")
class Math:
    rt: Any

    def __init__(self) -> None:
        self.events: list[Any] = []

    @runnable("double", params=Number)
    async def double(self, params: Number) -> int:
        return params.n * 2

    @runnable("fail")
    async def fail(self) -> None:
        raise ValueError("handler")

    @subscribe("e")
    def on(self, event_type: str, data: Any) -> None:
        self.events.append(data)


def ring(name: str, seen: list[str], **options: Any) -> Any:
    """An interceptor of calls that writes its name down on the way in."""

    class Ring:
        @hookimpl(**options)  # type: ignore[untyped-decorator]
        async def signalpy_invoke(self, call: Any, proceed: Any) -> Any:
            seen.append(name)
            return await proceed()

    return Ring()


async def booted(*objects: Any, **config: Any) -> Kernel:
    kernel = Kernel(config)
    kernel.discover([Math])
    await kernel.boot()
    for item in objects:
        kernel.hooks.register(item)
    return kernel


async def test_the_order_of_an_operation_is_verdict_recorders_policy_validation_interceptors_handler(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Each ring is entered in that order, and the recorder knows the verdict before anything runs."""
    seen: list[Any] = []
    caplog.set_level(logging.INFO, logger="signalpy.audit")

    class All:
        @hookimpl
        async def signalpy_record(self, operation: Any, proceed: Any) -> Any:
            seen.append(("record", operation.verdict.allowed, operation.params, len(caplog.records)))
            return await proceed()

        @hookimpl
        async def signalpy_invoke(self, call: Any, proceed: Any) -> Any:
            seen.append(("invoke", call.params, len(caplog.records)))
            result = await proceed()
            seen.append(("result", result))
            return result

    kernel = await booted(All(), policy={"math": {"audit": True}})
    assert 4 == await kernel.bus.invoke("math.double", {"n": 2})
    assert [("record", True, {"n": 2}, 0), ("invoke", Number(n=2), 1), ("result", 4)] == seen
    await kernel.shutdown()


async def test_recorders_see_what_is_denied_unknown_and_invalid_and_interceptors_do_not() -> None:
    """A recorder gets the exception of each out of proceed; no interceptor is entered."""
    seen: list[Any] = []
    inner: list[str] = []

    class Recorder:
        @hookimpl
        async def signalpy_record(self, operation: Any, proceed: Any) -> Any:
            try:
                return await proceed()
            except Exception as error:
                seen.append((operation.name, operation.verdict.allowed, type(error)))
                raise

    kernel = await booted(Recorder(), ring("in", inner))
    kernel.set_policy("kernel", {"invoke_deny": ["math.fail"], "publish_deny": ["no"]})
    for target, params, expected in [
        ("math.fail", {}, PolicyDenied),
        ("math.none", {}, TargetNotFound),
        ("math.double", {"m": 1}, InvalidParams),
    ]:
        with pytest.raises(expected):
            await kernel.bus.invoke(target, params)
    with pytest.raises(PolicyDenied):
        await kernel.bus.publish("no", {})
    assert [
        ("math.fail", False, PolicyDenied),
        ("math.none", True, TargetNotFound),
        ("math.double", True, InvalidParams),
        ("no", False, PolicyDenied),
    ] == seen[-4:]
    assert [] == inner
    await kernel.shutdown()


async def test_interceptors_stand_in_pluggys_order() -> None:
    """Later ones stand further out, tryfirst outermost, trylast innermost; before and after settle the rest."""
    seen: list[str] = []
    kernel = await booted()
    standing: list[tuple[str, dict[str, Any]]] = [
        ("last", {"trylast": True}),
        ("first", {"tryfirst": True}),
        ("one", {}),
        ("two", {}),
        ("inside", {"after": "one"}),
        ("outside", {"before": "first"}),
    ]
    for name, options in standing:
        kernel.hooks.register(ring(name, seen, **options), name)
    await kernel.bus.invoke("math.double", {"n": 1})
    assert ["outside", "first", "two", "one", "inside", "last"] == seen
    with pytest.raises(HookError, match=r"contradict each other: .* -> "):
        kernel.hooks.register(ring("x", seen, before="outside", after="first"), "x")
    seen.clear()
    await kernel.bus.invoke("math.double", {"n": 1})
    assert 6 == len(seen)
    await kernel.shutdown()


async def test_targets_choose_what_an_interceptor_stands_around() -> None:
    """An interceptor with targets is not entered for others."""
    seen: list[str] = []
    kernel = await booted(ring("math", seen, targets=["math.d*"]), ring("other", seen, targets=["other.*"]))
    await kernel.bus.invoke("math.double", {"n": 1})
    assert ["math"] == seen
    await kernel.shutdown()


async def test_what_a_hook_gets_to_proceed_shows_no_value() -> None:
    """It may end up in a log: it names the hook, and nothing that goes inward or comes back."""
    shown: list[str] = []

    class Curious:
        @hookimpl
        async def signalpy_invoke(self, call: Any, proceed: Any) -> Any:
            result = await proceed()
            shown.append(repr(proceed))
            return result

    kernel = await booted(Curious())
    assert 8642 == await kernel.bus.invoke("math.double", {"n": 4321})
    assert ["<proceed of Curious (signalpy_invoke)>"] == shown
    await kernel.shutdown()


async def test_replaced_parameters_are_validated_again_and_replaced_data_is_delivered() -> None:
    """proceed(new) changes what goes inward; parameters that do not fit are refused as the hook's fault."""

    class Change:
        @hookimpl
        async def signalpy_invoke(self, call: Any, proceed: Any) -> Any:
            return await proceed({"n": call.params.n + 1} if call.params.n < 10 else {"n": "x"})

        @hookimpl
        async def signalpy_publish(self, event: Any, proceed: Any) -> None:
            await proceed({**event.data, "seen": True})

    kernel = await booted(Change())
    assert 4 == await kernel.bus.invoke("math.double", {"n": 1})
    with pytest.raises(InvalidParams) as caught:
        await kernel.bus.invoke("math.double", {"n": 10})
    assert "signalpy_invoke of plugin Change" in caught.value.__notes__[0]
    await kernel.bus.publish("e", {"a": 1})
    assert [{"a": 1, "seen": True}] == kernel.get("math").events
    await kernel.shutdown()


async def test_an_interceptor_refuses() -> None:
    """Refused is a PolicyDenied with its rule; nothing runs."""

    class No:
        @hookimpl
        async def signalpy_invoke(self, call: Any, proceed: Any) -> Any:
            raise Refused("too late in the day", rule="office-hours")

        @hookimpl
        async def signalpy_publish(self, event: Any, proceed: Any) -> None:
            raise Refused("no")

    kernel = await booted(No())
    with pytest.raises(PolicyDenied, match="too late") as caught:
        await kernel.bus.invoke("math.double", {"n": 1})
    assert "office-hours" == caught.value.rule  # type: ignore[attr-defined]
    with pytest.raises(Refused):
        await kernel.bus.publish("e", {})
    assert [] == kernel.get("math").events
    await kernel.shutdown()


async def test_an_exception_out_of_a_hook_keeps_its_type_and_names_the_hook() -> None:
    """A note names plugin, version and hook; what the handler raised passes without one."""

    @component("bad", version="2.5")
    class Bad:
        @hookimpl(targets=["math.double"])
        async def signalpy_invoke(self, call: Any, proceed: Any) -> Any:
            raise KeyError("hook")

    kernel = Kernel({})
    kernel.discover([Math, Bad])
    async with kernel:
        with pytest.raises(KeyError) as caught:
            await kernel.bus.invoke("math.double", {"n": 1})
        assert ["raised by hook signalpy_invoke of plugin bad 2.5"] == caught.value.__notes__
        with pytest.raises(ValueError, match="handler") as plain:
            await kernel.bus.invoke("math.fail")
        assert not hasattr(plain.value, "__notes__")


@pytest.mark.parametrize("where", ["before", "after"])
async def test_isolate_goes_on_without_the_hook(where: str, caplog: pytest.LogCaptureFixture) -> None:
    """on_error="isolate" logs the hook's error, and the handler runs exactly once."""

    class Isolated:
        @hookimpl(on_error="isolate")
        async def signalpy_invoke(self, call: Any, proceed: Any) -> Any:
            if where == "after":
                await proceed()
            raise RuntimeError("hook broke")

    kernel = await booted(Isolated())
    assert 2 == await kernel.bus.invoke("math.double", {"n": 1})
    assert "hook broke" in caplog.text
    with pytest.raises(ValueError, match="handler"):
        await kernel.bus.invoke("math.fail")
    await kernel.shutdown()


async def test_deny_turns_the_hooks_failure_into_a_refusal() -> None:
    """on_error="deny" refuses the operation with the hook's error as its cause."""

    class Deny:
        @hookimpl(on_error="deny")
        async def signalpy_invoke(self, call: Any, proceed: Any) -> Any:
            raise OSError("rules cannot be read")

    kernel = await booted(Deny())
    with pytest.raises(Refused) as caught:
        await kernel.bus.invoke("math.double", {"n": 1})
    assert isinstance(caught.value.__cause__, OSError)
    await kernel.shutdown()


async def test_a_timeout_counts_the_hooks_own_time_only() -> None:
    """What the handler takes does not count; what the hook takes does, before and after."""

    @component("slow", version="1")
    class Slow:
        @runnable("sleep")
        async def sleep(self) -> str:
            await asyncio.sleep(0.15)
            return "slept"

    class Timed:
        lazy = 0.0

        @hookimpl(timeout=0.05)
        async def signalpy_invoke(self, call: Any, proceed: Any) -> Any:
            result = await proceed()
            await asyncio.sleep(self.lazy)
            return result

    kernel = Kernel({})
    kernel.discover([Slow])
    async with kernel:
        timed = Timed()
        kernel.hooks.register(timed)
        assert "slept" == await kernel.bus.invoke("slow.sleep")
        timed.lazy = 5.0
        with pytest.raises(TimeoutError, match=r"more than 0\.05 s of its own"):
            await kernel.bus.invoke("slow.sleep")


async def test_a_recorder_must_proceed_once_or_raise() -> None:
    """Not awaiting proceed, calling it twice, or with a value, is an error; it cannot change the result."""

    class Recorder:
        how = "skip"

        @hookimpl
        async def signalpy_record(self, operation: Any, proceed: Any) -> Any:
            if operation.caller != "kernel" or operation.name.startswith("kernel."):
                return await proceed()
            if self.how == "twice":
                await proceed()
            if self.how == "value":
                return await proceed({"n": 9})
            if self.how == "raise":
                raise PermissionError("not recorded")
            return 99 if self.how == "skip" else (await proceed(), 99)[1]

    recorder = Recorder()
    kernel = await booted(recorder)
    for how, expected in [("skip", HookError), ("twice", HookError), ("value", HookError), ("raise", PermissionError)]:
        recorder.how = how
        with pytest.raises(expected):
            await kernel.bus.invoke("math.double", {"n": 1})
    recorder.how = "other result"
    assert 2 == await kernel.bus.invoke("math.double", {"n": 1})
    recorder.how = "raise"
    with pytest.raises(PermissionError):
        await kernel.bus.publish("e", {})
    assert [] == kernel.get("math").events
    await kernel.shutdown()


async def test_a_hook_that_is_taken_out_finishes_the_calls_it_is_in() -> None:
    """The chain of a call under way does not change; the next call goes without."""
    entered, gate, seen = asyncio.Event(), asyncio.Event(), []

    class Holding:
        @hookimpl
        async def signalpy_invoke(self, call: Any, proceed: Any) -> Any:
            entered.set()
            await gate.wait()
            result = await proceed()
            seen.append(result)
            return result

    holding = Holding()
    kernel = await booted(holding)
    task = asyncio.create_task(kernel.bus.invoke("math.double", {"n": 1}))
    await entered.wait()
    kernel.hooks.unregister(holding)
    assert 4 == await kernel.bus.invoke("math.double", {"n": 2})
    gate.set()
    assert 2 == await task
    assert [2] == seen
    await kernel.shutdown()


async def _ring(self: Any, call: Any, proceed: Any) -> Any: ...
async def _record(self: Any, operation: Any, proceed: Any) -> Any: ...
async def _stray(self: Any, call: Any, proceed: Any, what: Any) -> Any: ...
def _plain(self: Any, call: Any, proceed: Any) -> Any: ...
async def _notice(self: Any, event: Any) -> None: ...
async def _no_proceed(self: Any, call: Any) -> Any: ...


@pytest.mark.parametrize(
    ("subject", "told"),
    [
        (type("A", (), {"signalpy_invok": hookimpl(_ring)})(), "Did you mean 'signalpy_invoke'"),
        (type("A", (), {"signalpy_invoke": hookimpl(_stray)})(), "unknown argument 'what'"),
        (type("A", (), {"signalpy_invoke": hookimpl(_plain)})(), "async def"),
        (type("A", (), {"signalpy_dead_letter": hookimpl(_notice)})(), "not awaited"),
        (type("A", (), {"signalpy_invoke": hookimpl(_no_proceed)})(), "does not take proceed"),
        (type("A", (), {"signalpy_record": hookimpl(timeout=1)(_record)})(), "takes no targets"),
        (object(), "implements no hook"),
    ],
)
async def test_a_wrong_implementation_is_refused_at_registration(subject: Any, told: str) -> None:
    """Unknown hooks, wrong arguments and the wrong kind of function are errors that say what is right."""
    kernel = Kernel({})
    with pytest.raises(HookError, match=told):
        kernel.hooks.register(subject)


async def test_arguments_may_stand_in_any_order() -> None:
    """pluggy passes arguments by name, and so do rings and notices."""
    seen: list[Any] = []

    class Turned:
        @hookimpl
        async def signalpy_invoke(self, proceed: Any, call: Any) -> Any:
            seen.append(call.target)
            return await proceed()

        @hookimpl
        def signalpy_component_activated(self) -> None:
            seen.append("activated")

    kernel = Kernel({})
    kernel.hooks.register(Turned())
    kernel.discover([Math])
    async with kernel:
        await kernel.bus.invoke("math.double", {"n": 1})
    assert ["activated", "activated", "math.double"] == seen


@pytest.mark.parametrize(
    ("options", "raised"),
    [({}, HookError), ({"on_error": "deny"}, Refused), ({"timeout": 5}, HookError), ({"on_error": "isolate"}, None)],
)
async def test_a_forgotten_await_is_no_result(options: dict[str, Any], raised: type[Exception] | None) -> None:
    """Who returns proceed() itself has let nothing run: the caller is told, and the hook is named."""

    class Forgetful:
        @hookimpl(**options)
        async def signalpy_invoke(self, call: Any, proceed: Any) -> Any:
            return proceed()

    kernel = await booted(Forgetful())
    if raised is None:
        assert 4 == await kernel.bus.invoke("math.double", {"n": 2})
    else:
        with pytest.raises(raised) as told:
            await kernel.bus.invoke("math.double", {"n": 2})
        why = told.value.__cause__ or told.value
        assert "returned proceed() without awaiting it" in str(why)
        assert "Forgetful" in str(why)
    await kernel.shutdown()


async def test_a_hook_that_tried_again_and_is_passed_over_leaves_the_last_outcome() -> None:
    """What it overcame is not raised in the place of what came back: the caller would do it once more."""
    tried: list[int] = []

    @component("shop", version="1")
    class Shop:
        @runnable("order")
        async def order(self, params: Any) -> str:
            tried.append(len(tried))
            if len(tried) == 1:
                raise ConnectionError("the first time")
            return "ordered"

    class Again:
        @hookimpl(on_error="isolate")
        async def signalpy_invoke(self, call: Any, proceed: Any) -> Any:
            try:
                await proceed()
            except ConnectionError:
                await proceed()
            raise OSError("its own")

    kernel = Kernel()
    kernel.discover([Shop])
    async with kernel:
        kernel.hooks.register(Again())
        assert ("ordered", [0, 1]) == (await kernel.bus.invoke("shop.order"), tried)


async def test_time_inside_is_not_a_hooks_own_when_it_goes_in_twice_at_once() -> None:
    """The clock stands still until the last of them is back."""

    @component("slow", version="1")
    class Slow:
        @runnable("wait")
        async def wait(self, params: Any) -> float:
            mine = 0.5 if waits else 0.0
            waits.append(mine)
            await asyncio.sleep(mine)
            return mine

    class Both:
        @hookimpl(timeout=0.25)
        async def signalpy_invoke(self, call: Any, proceed: Any) -> Any:
            return sum(await asyncio.gather(proceed(), proceed()))

    waits: list[float] = []
    kernel = Kernel()
    kernel.discover([Slow])
    async with kernel:
        kernel.hooks.register(Both())
        assert 0.5 == await kernel.bus.invoke("slow.wait")


async def test_a_notice_that_raises_is_logged_and_the_others_are_told(caplog: pytest.LogCaptureFixture) -> None:
    """One broken listener keeps nothing from the others and nothing from the kernel."""
    seen: list[str] = []

    class Broken:
        @hookimpl(tryfirst=True)
        def signalpy_component_activated(self, component: Any) -> None:
            raise RuntimeError("listener broke")

    class Fine:
        @hookimpl
        def signalpy_component_activated(self, component: Any) -> None:
            seen.append(component.name)

    kernel = Kernel({})
    kernel.hooks.register(Broken())
    kernel.hooks.register(Fine())
    kernel.discover([Math])
    async with kernel:
        pass
    assert ["config", "math"] == sorted(seen)
    assert "listener broke" in caplog.text
