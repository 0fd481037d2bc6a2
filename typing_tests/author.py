"""A component, its hooks and an application as their authors write them, under mypy strict. Checked, never run."""

from collections.abc import Mapping
from typing import Any, Protocol, assert_type

from pydantic import BaseModel

from signalpy import (
    Call,
    Event,
    Kernel,
    Operation,
    PluginInfo,
    Publication,
    Runtime,
    State,
    acting_as,
    component,
    hookimpl,
    lifecycle,
    optional,
    provides,
    requires,
    runnable,
    subscribe,
)
from signalpy.hookspecs import Proceed


class TransferParams(BaseModel):
    to: str
    amount: int


class Settings(BaseModel):
    limit: int = 10


class Transferred(Event, type="account.transfer", version=2):
    to: str
    amount: int


class IConfig(Protocol):
    def get(self, key: str, default: Any = None) -> Any: ...


@component("transfers", version="1.0", depends=["config>=1.0"], settings=Settings, emits=["account.*", Transferred])
@provides("ITransfers")
@requires(config="IConfig", cache=optional("ICache"), backends=["IBackend"])
class Transfers:
    rt: Runtime

    @lifecycle.activate
    async def activate(self) -> None:
        self.rt.create_task(self.watch())

    @lifecycle.deactivate
    def deactivate(self) -> None: ...

    @lifecycle.reconfigure
    def reconfigure(self, old: Settings, new: Settings) -> None: ...

    async def watch(self) -> None: ...

    @runnable("transfer", params=TransferParams, description="Transfer money")
    async def transfer(self, params: TransferParams) -> dict[str, bool]:
        await self.rt.publish("account.transfer", {"to": params.to}, subject=params.to, outcome="success")
        await self.rt.publish(Transferred(to=params.to, amount=params.amount))
        return {"ok": True}

    @runnable("report", thread=True)
    def report(self, params: Mapping[str, Any]) -> str:
        return str(self.rt.invoke_sync("accounts.balance", {"account": "alice"}))

    @subscribe("account.*", description="Every event of an account")
    def on_event(self, event_type: str, data: Mapping[str, Any]) -> None: ...

    @subscribe("account.*", background=True)
    async def on_event_later(self, event_type: str, data: Mapping[str, Any], event: Publication) -> None: ...

    @subscribe(Transferred)
    async def on_transferred(self, event_type: str, data: Transferred) -> None: ...


class Watcher:
    @hookimpl
    async def signalpy_record(self, operation: Operation, proceed: Proceed) -> Any:
        assert_type(operation.actor, str | None)
        return await proceed()

    @hookimpl(targets=["accounts.*"], before="other", on_error="deny", timeout=1.0)
    async def signalpy_invoke(self, call: Call, proceed: Proceed) -> Any:
        assert_type(call.target, str)
        return await proceed()

    @hookimpl
    def signalpy_component_activated(self, component: PluginInfo) -> None:
        assert_type(component.state, State)
        assert_type(component.distribution, str | None)


async def application() -> None:
    kernel = Kernel(config={"transfers": {"limit": 5}}, policies={"transfers": {"audit": True}})
    kernel.discover([Transfers])
    kernel.hooks.register(Watcher())
    async with kernel as running:
        assert_type(running, Kernel)
        assert_type(running.why("transfers"), str)
        for row in running.plugins():
            assert_type(row, PluginInfo)
        running.set_policy("transfers", {"invoke_deny": ["accounts.*"], "require_actor": None})
        with acting_as("alice", client={"ip": "192.0.2.1"}, correlation_id="c-1"):
            await running.bus.invoke("transfers.transfer", {"to": "bob", "amount": 1}, actor="alice")
        await running.bus.publish("account.closed", {"account": "bob"})
        await running.add(Transfers)
        await running.replace(Transfers)
        await running.remove("transfers")


assert_type(Transfers(), Transfers)
