"""Why, from metadata alone: words for each state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from signalpy.configuration import PluginSettings
from signalpy.discovery import scan
from signalpy.discovery.why import why

if TYPE_CHECKING:
    from conftest import Site


def told(site: Site, name: str, **settings: Any) -> str:
    return why(scan(PluginSettings(**settings), path=site.path), name)


def test_discovered(site: Site) -> None:
    """What may load is told with where it comes from."""
    site.component("signalpy-orders", "orders")
    expected = (
        "discovered: signalpy-orders 1.0 has it at signalpy_orders:Service, and nothing speaks against loading it."
    )
    assert expected == told(site, "orders")
    assert f"{expected} It is essential: nothing starts without it." == told(site, "orders", required=("orders",))


def test_denied(site: Site) -> None:
    """What is denied is told with the pattern."""
    site.component("signalpy-orders", "orders")
    assert "denied: [plugins] deny has 'ord*' (signalpy-orders 1.0)." == told(site, "orders", deny=("ord*",))


def test_incompatible(site: Site) -> None:
    """What does not fit is told with what it needs."""
    site.component("signalpy-orders", "orders", metadata="Requires-Dist: signalpy-core>=99\n")
    assert told(site, "orders").startswith("incompatible: it needs signalpy-core>=99, found ")


def test_collision(site: Site) -> None:
    """A collision names every claimant."""
    site.component("signalpy-orders", "orders")
    site.component("acme-orders", "orders")
    text = told(site, "orders")
    assert 2 == text.count("collision: ")
    assert "(signalpy-orders 1.0)" in text
    assert "(acme-orders 1.0)" in text


def test_a_settled_collision(site: Site) -> None:
    """The winner is told first, then who lost and by what."""
    site.component("acme-orders", "orders")
    site.component("signalpy-orders", "orders")
    text = told(site, "orders", prefer={"orders": "signalpy-orders"})
    assert text.startswith("discovered: signalpy-orders 1.0 has it")
    assert "denied: [plugins] prefer gives the name 'orders' to signalpy-orders (acme-orders 1.0)." in text


def test_unknown(site: Site) -> None:
    """A name that nothing has is told with the nearest one, and whether it is required."""
    site.component("signalpy-orders", "orders")
    assert "unknown: no installed distribution has a component 'order'. Did you mean 'orders'?" == told(site, "order")
    assert told(site, "nix", required=("nix",)).endswith("It is required all the same, so nothing starts without it.")


def test_a_misspelt_group(site: Site) -> None:
    """A name that stands in another group is told with that group and the right one."""
    site.install("signalpy-orders", entry_points="[signalpy.component]\norders = signalpy_orders:Service\n")
    text = told(site, "orders")
    assert "signalpy-orders has 'orders' in the entry-point group signalpy.component;" in text
    assert text.endswith("components belong into signalpy.components.")
