"""What a component sees of the kernel around it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from signalpy import Kernel, component, requires, runnable


class Amount(BaseModel):
    amount: int


@component("bank")
class Bank:
    rt: Any

    @runnable("pay", params=Amount)
    async def pay(self, params: Amount) -> None: ...

    @runnable("ping")
    async def ping(self) -> None: ...


@component("waiting")
@requires(nobody="INobody")
class Waiting:
    @runnable("x")
    async def x(self) -> None: ...


async def test_a_component_is_told_what_can_be_called_now() -> None:
    """The params model of every runnable of what runs, and of nothing that waits."""
    kernel = Kernel(config={})
    kernel.discover([Bank, Waiting])
    async with kernel:
        assert {"bank.pay": Amount, "bank.ping": None} == kernel.get("bank").rt.targets()
