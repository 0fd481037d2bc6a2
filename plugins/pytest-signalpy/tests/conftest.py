"""Sessions of pytest inside of a test: files that an author would write, run with the plugin as installed."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from typing import TypeAlias

import pytest

# An inner session forgets what it imported first: it would load all this for every test anew, and take the finder of
# importlib-metadata from sys.meta_path.
for _name in ("click", "hypothesis", "trio.testing", "signalpy_audit_trail.component"):
    import_module(_name)
for _name in ("clock", "contract", "rig", "threaded", "trail"):
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


PLUGIN = '''
"""A plugin that keeps the whole contract."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field

from signalpy import Call, Event, Runtime, component, hookimpl, lifecycle, runnable, subscribe
from signalpy.hookspecs import Proceed

# at import


class Settings(BaseModel):
    limit: int = Field(default=5, description="how many it keeps")


class Item(BaseModel):
    name: str = Field(description="of the item")


class Kept(Event, type="sample.kept", version=1):
    name: str


@component("sample", version="1.0", settings=Settings, emits=["sample.*"])
class Sample:
    """Keeps items."""

    rt: Runtime

    @lifecycle.activate
    async def start(self) -> None:
        self.kept: list[str] = []

    @lifecycle.deactivate
    async def stop(self) -> None:
        pass

    @runnable("keep", params=Item, description="Keep an item")
    async def keep(self, params: Item) -> dict[str, Any]:
        await asyncio.sleep(0)
        await self.rt.publish("sample.kept", {"name": params.name}, schema="sample.kept/v1")
        return {"ok": True}

    @runnable("count", description="How many it keeps")
    def count(self) -> int:
        return len(self.kept)

    @subscribe("other.*", description="Keeps what others name")
    async def on_other(self, event_type: str, data: Mapping[str, Any]) -> None:
        self.kept.append(data["name"].lower())

    @hookimpl(targets="bystander.*")
    async def signalpy_invoke(self, call: Call, proceed: Proceed) -> Any:
        return await proceed()
'''

METADATA = """Metadata-Version: 2.4
Name: signalpy-sample
Version: 1.0
Summary: Keeps items
License-Expression: MIT
License-File: LICENSE
Requires-Python: >=3.11
Requires-Dist: signalpy-core<0.2,>=0.1
Requires-Dist: pydantic>=2
Description-Content-Type: text/markdown

# signalpy-sample
"""

CONTRACT = """
from pytest_signalpy import PluginContract

class TestContract(PluginContract):
    component = "sample"
    params = {"keep": {"name": "pen"}}
    config = {"kernel": {"shutdown_deadline": 0.1}}
"""


class Plugin:
    """A throw-away distribution on the path, as an installer would leave it, and its contract."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self._pytester = pytester
        self.site = pytester.mkdir("site")
        self.files = {"signalpy_sample/__init__.py": PLUGIN, "signalpy_sample/py.typed": ""}
        self.metadata = METADATA
        self.entry_points = "[signalpy.components]\nsample = signalpy_sample:Sample\n"
        self.contract = CONTRACT

    def edit(self, old: str, new: str) -> None:
        """Replaces a text in the module, in its metadata or in the test of its contract."""
        where = [
            text for text in (self.files["signalpy_sample/__init__.py"], self.metadata, self.contract) if old in text
        ]
        assert 1 == len(where), f"expected {old!r} in one file, found {len(where)}"
        self.files["signalpy_sample/__init__.py"] = self.files["signalpy_sample/__init__.py"].replace(old, new)
        self.metadata = self.metadata.replace(old, new)
        self.contract = self.contract.replace(old, new)

    def run(self, *arguments: str) -> tuple[pytest.RunResult, dict[str, dict[str, str]]]:
        """The result of its tests, and the checks of the report by name."""
        name = self.metadata.partition("Name: ")[2].partition("\n")[0].replace("-", "_")
        info = f"{name}-1.0.dist-info"
        installed = {**self.files, f"{info}/METADATA": self.metadata, f"{info}/entry_points.txt": self.entry_points}
        for path, text in installed.items():
            (self.site / path).parent.mkdir(exist_ok=True)
            (self.site / path).write_text(text)
        self._pytester.syspathinsert(self.site)
        module = self._pytester.makepyfile(test_contract=self.contract)
        fixed = ["-p", "no:cacheprovider", "-W", "error", "-o", "asyncio_default_fixture_loop_scope=function"]
        report = self._pytester.path / "report.json"
        result = self._pytester.runpytest_inprocess(
            *fixed, "--signalpy-report", str(report), *[argument.format(module=module) for argument in arguments]
        )
        plugins = json.loads(report.read_text())["plugins"] if report.exists() else []
        return result, {check["check"]: check for plugin in plugins for check in plugin["checks"]}


@pytest.fixture
def plugin(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Plugin:
    """A plugin that keeps the contract, to be made worse; what hangs in it is given up soon."""
    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pytest_signalpy.contract.stage.LIMIT", 2.0)
    return Plugin(pytester)
