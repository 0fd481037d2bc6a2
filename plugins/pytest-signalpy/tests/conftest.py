"""Sessions of pytest inside of a test: files that an author would write, run with the plugin as installed."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TypeAlias

import pytest

# An inner session forgets what it imported first: it would load all this for every test anew, and take the finder of
# importlib-metadata from sys.meta_path.
for _name in ("hypothesis", "trio.testing", "signalpy_audit_trail.component"):
    import_module(_name)
for _name in ("clock", "rig", "threaded", "trail"):
    import_module(f"pytest_signalpy.{_name}")

Run: TypeAlias = Callable[..., pytest.RunResult]

COMPONENTS = """
import asyncio
import threading

import pytest
from pydantic import BaseModel

from signalpy import Refused, component, hookimpl, lifecycle, runnable, subscribe


class Points(BaseModel):
    account: str
    points: int = 1


@component("loyalty", version="1.0", emits=["loyalty.*"])
class Loyalty:
    @runnable("give", params=Points, description="Give points")
    async def give(self, params):
        await self.rt.publish("loyalty.given", {"points": params.points}, subject=params.account)
        return await self.rt.invoke("accounts.credit", {"account": params.account, "amount": params.points})

    @subscribe("account.transfer", background=True)
    async def on_transfer(self, event_type, data):
        await self.rt.publish("loyalty.heard", {})
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a test module that has the components above at its head; warnings are errors."""
    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS"):
        monkeypatch.delenv(name, raising=False)

    def run(source: str, *arguments: str, mode: str = "auto") -> pytest.RunResult:
        pytester.makepyfile(COMPONENTS + source)
        fixed = ["-p", "no:cacheprovider", "-W", "error", "-o", "asyncio_default_fixture_loop_scope=function"]
        return pytester.runpytest_inprocess(*fixed, "-o", f"asyncio_mode={mode}", *arguments)

    return run
