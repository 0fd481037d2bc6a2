"""From a candidate to its class: each way in which code can fail to be what its metadata says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from signalpy import DefinitionError, Kernel
from signalpy.configuration import PluginSettings
from signalpy.definition import spec_of
from signalpy.discovery import Candidate, LoadError, scan
from signalpy.errors import SignalPyError

if TYPE_CHECKING:
    from conftest import Site


def installed(site: Site, source: str, *, value: str = "broken:Service", name: str = "broken") -> Candidate:
    """The candidate of a distribution whose module `broken` has this source."""
    site.install(
        "signalpy-broken", entry_points=f"[signalpy.components]\n{name} = {value}\n", modules={"broken.py": source}
    )
    candidate = scan(PluginSettings()).candidate(name)
    assert candidate is not None
    return candidate


def test_it_gives_the_class(importable: Site) -> None:
    """The class of the entry point is imported, and it is the component of that name."""
    importable.component("signalpy-orders", "orders")
    candidate = scan(PluginSettings()).candidate("orders")
    assert candidate is not None
    assert not importable.imported
    assert "orders" == spec_of(candidate.load()).name
    assert importable.imported


def test_a_nested_class(importable: Site) -> None:
    """A reference may lead through attributes, and may name extras."""
    source = "from signalpy import component\nclass Outer:\n    @component('broken')\n    class Inner: ...\n"
    assert "Inner" == installed(importable, source, value="broken:Outer.Inner [extra]").load().__name__


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (
            "import nothing_of_this_name",
            "importing broken failed: ModuleNotFoundError: No module named 'nothing_of_this_name'",
        ),
        ("def f(:\n", "importing broken failed: SyntaxError: "),
        (
            "raise RuntimeError('first line\\nsecond line')",
            "importing broken failed: RuntimeError: first line second line",
        ),
        ("raise SystemExit(3)", "importing broken failed: SystemExit: 3"),
        ("import asyncio\nraise asyncio.CancelledError", "importing broken failed: CancelledError"),
        ("class Servce: ...", "broken has no 'Service', which its entry point names. Did you mean 'Servce'?"),
        ("class Service: ...", "broken:Service gives no component: Service is no component. Put @component("),
        ("Service = 3", "broken:Service gives no component: expected a component class, found int"),
        (
            "from signalpy import component\n@component('other')\nclass Service: ...",
            "broken:Service is the component 'other', but its entry point says 'broken'",
        ),
        (
            "import signalpy as s\n@s.component('broken')\nclass S:\n  @s.runnable('a')\n  def a(self, x, y): ...",
            "importing broken failed: DefinitionError: ",
        ),
    ],
)
def test_each_failure_has_its_reason(importable: Site, source: str, words: str) -> None:
    """Whatever is wrong with the code, the error says it in one line, with whose it is and what was raised."""
    with pytest.raises(LoadError) as caught:
        installed(importable, source).load()
    assert str(caught.value).startswith(words)
    assert "\n" not in str(caught.value)
    assert ("broken", "signalpy-broken") == (caught.value.entry, caught.value.distribution)  # type: ignore[attr-defined]
    assert isinstance(caught.value, SignalPyError)
    assert isinstance(caught.value, ImportError)


def test_the_cause_is_chained(importable: Site) -> None:
    """The exception of the plugin is there for those who want the traceback."""
    with pytest.raises(LoadError) as caught:
        installed(importable, "raise RuntimeError('x')").load()
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_ctrl_c_is_not_a_failure_of_the_plugin(importable: Site) -> None:
    """A KeyboardInterrupt while importing goes through."""
    with pytest.raises(KeyboardInterrupt):
        installed(importable, "raise KeyboardInterrupt").load()


def test_a_malformed_reference_fails_too() -> None:
    """A candidate that was made by hand with a bad reference says so."""
    with pytest.raises(LoadError, match='expected "module:object"'):
        Candidate("x", "signalpy-x", "1", "nowhere").load()


async def test_only_those_named(importable: Site) -> None:
    """A kernel that is given names takes in these components, with their distribution, and imports no other."""
    importable.component("signalpy-orders", "orders")
    importable.install("signalpy-stock", entry_points="[signalpy.components]\nstock = no_such_module:Stock\n")
    kernel = Kernel()
    kernel.discover(["orders"])
    async with kernel:
        [config, orders] = kernel.plugins()
        assert ("config", "orders", "signalpy-orders") == (config.name, orders.name, orders.distribution)
        assert "pong from orders" == await kernel.bus.invoke("orders.ping")


async def test_an_essential_component_counts_only_if_named(importable: Site) -> None:
    """What a distribution declares essential does not keep a kernel from booting that was not given its name."""
    essential = (
        "[signalpy.components]\nstock = no_such_module:Stock\n[signalpy.essential]\nstock = no_such_module:Stock\n"
    )
    importable.install("signalpy-stock", entry_points=essential)
    importable.component("signalpy-orders", "orders")
    kernel = Kernel()
    kernel.discover(["orders"])
    async with kernel:
        assert kernel.get("orders")


def test_a_name_that_nobody_has(importable: Site) -> None:
    """The nearest installed one is told."""
    importable.component("signalpy-orders", "orders")
    with pytest.raises(DefinitionError, match=r"has the component 'order'\. Did you mean 'orders'\?"):
        Kernel().discover(["order"])
