"""What exists already joins without a change: adopt, proxy, and the actor of a request."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from signalpy import DefinitionError, InvalidParams, Kernel, LifecycleError, PolicyDenied, acting_as, adopted
from signalpy.asgi import ActorMiddleware
from signalpy.operation import current


class Payments:
    """An object written without any framework."""

    def __init__(self) -> None:
        self.paid: list[Any] = []

    def pay(self, account: str, amount: int = 1, *, schema: str = "x") -> dict[str, Any]:
        """Pay something."""
        here = current()
        on_loop = threading.current_thread() is threading.main_thread()
        self.paid.append((account, amount, schema, here.actor if here else None, on_loop))
        return {"paid": amount}

    async def refund(self, account: str) -> str:
        return account

    def _private(self) -> None: ...


async def test_an_adopted_objects_methods_are_runnables_and_its_signature_is_the_model() -> None:
    """def runs in a thread with the actor, async def on the loop; wrong arguments are InvalidParams; policies count."""
    service = Payments()
    kernel = Kernel({"policy": {"payments.refund": {"require_actor": True}}})
    kernel.discover([])
    kernel.adopt(service, "payments")
    async with kernel:
        assert {"paid": 5} == await kernel.bus.invoke("payments.pay", {"account": "a", "amount": "5"}, actor="alice")
        assert "b" == await kernel.bus.invoke("payments.refund", {"account": "b"}, actor="alice")
        with pytest.raises(InvalidParams, match="account"):
            await kernel.bus.invoke("payments.pay", {"amount": 5})
        with pytest.raises(InvalidParams, match="other"):
            await kernel.bus.invoke("payments.pay", {"account": "a", "other": 5})
        with pytest.raises(PolicyDenied):
            await kernel.bus.invoke("payments.refund", {"account": "b"})
        with pytest.raises(KeyError):
            await kernel.bus.invoke("payments._private")
        assert {"runnables": 2} == {key: value for key, value in kernel.ledger("payments").items() if value}
    assert [("a", 5, "x", "alice", False)] == service.paid


async def test_a_proxy_has_the_same_methods_and_sends_them_over_the_bus() -> None:
    """Arguments as in the original signature; sync from threads; a wrong name says what is meant."""
    kernel = Kernel({})
    kernel.discover([])
    kernel.adopt(Payments(), "payments")
    proxy = kernel.proxy("payments")
    async with kernel:
        assert {"paid": 2} == await proxy.pay("a", 2, schema="y")
        with acting_as("alice"):
            assert {"paid": 1} == await asyncio.to_thread(proxy.sync.pay, account="a")
        with pytest.raises(TypeError):
            await proxy.pay()
        with pytest.raises(AttributeError, match="Did you mean 'refund'"):
            _ = proxy.refnd
        with pytest.raises(LifecycleError, match="await"):
            proxy.sync.pay("a")


async def test_only_the_methods_named_are_adopted_and_an_object_can_join_while_running() -> None:
    """methods= chooses; adopted() gives a class for add()."""
    async with Kernel({"plugins": {"allow": []}}) as kernel:
        await kernel.add(adopted(Payments(), "payments", methods=["pay"]))
        assert {"paid": 1} == await kernel.bus.invoke("payments.pay", {"account": "a"})
        with pytest.raises(KeyError):
            await kernel.bus.invoke("payments.refund", {"account": "a"})


class Spread:
    def call(self, *args: Any) -> None: ...


class Empty:
    """Nothing public."""


@pytest.mark.parametrize(
    ("service", "methods", "told"),
    [(Spread(), None, r"\*args"), (Empty(), None, "no public method"), (Payments(), ["pey"], "Did you mean 'pay'")],
)
def test_what_cannot_be_adopted_says_why(service: object, methods: Any, told: str) -> None:
    """A method that cannot be called by name, an object without methods, a name that does not exist."""
    with pytest.raises(DefinitionError, match=told):
        adopted(service, "x", methods=methods)


async def test_a_request_sets_actor_client_and_correlation() -> None:
    """Everything done inside a request knows who, from where, and in which chain."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        here = current()
        seen.append((here.actor, here.client, here.correlation_id) if here else None)

    async def who(scope: Any) -> str:
        return str(scope["user"])

    async def nothing(*_: Any) -> Any: ...

    http = {
        "type": "http",
        "user": "alice",
        "client": ("10.1.2.3", 5),
        "headers": [(b"X-Request-ID", b"r1"), (b"user-agent", b"ua")],
    }
    traced = {"type": "websocket", "headers": [(b"traceparent", b"00-" + b"a" * 32 + b"-" + b"b" * 16 + b"-01")]}
    await ActorMiddleware(app, actor=who)(http, nothing, nothing)
    await ActorMiddleware(app, actor=lambda scope: None)(traced, nothing, nothing)
    await ActorMiddleware(app, actor=lambda scope: "x")({"type": "lifespan"}, nothing, nothing)
    assert ("alice", {"ip": "10.1.2.3", "request_id": "r1", "user_agent": "ua"}, "r1") == seen[0]
    assert (None, {}, "a" * 32) == seen[1]
    assert seen[2] is None
