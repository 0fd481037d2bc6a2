"""Why, from metadata alone: words for each state."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from signalpy.configuration import PluginSettings
from signalpy.discovery import scan
from signalpy.discovery.lock import Lock, write
from signalpy.discovery.why import why

if TYPE_CHECKING:
    from conftest import Site


def told(site: Site, name: str, **settings: Any) -> str:
    return why(scan(PluginSettings(**settings), path=site.path), name)


def test_discovered(site: Site) -> None:
    """What may load is told with where it comes from."""
    site.component("signalpy-orders", "orders")
    expected = (
        "discovered: signalpy-orders 1.0 has it at signalpy_orders:Service, and nothing speaks against loading it;"
        " whether it then starts, only a boot can tell (signalpy why orders --boot)."
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


def test_what_it_needs_and_does_not_have(site: Site) -> None:
    """A requirement that is not met keeps nothing from being loaded, and is told."""
    site.install("acme-tools", "1.0")
    site.component("signalpy-orders", "orders", metadata="Requires-Dist: acme-tools>=2\n")
    assert told(site, "orders").endswith(" But it needs acme-tools>=2, and 1.0 is installed.")


def test_altered_or_not_locked(site: Site) -> None:
    """Under enforce the difference is the reason; under warn it loads, and the difference is told all the same."""
    site.component("signalpy-orders", "orders")
    lockfile = str(site.root.parent / "signalpy.lock")
    write(Path(lockfile), Lock(1, ()))
    reason = f"signalpy-orders is not in {lockfile}. If it is meant to be there: signalpy lock"
    enforced = told(site, "orders", lock="enforce", lockfile=lockfile)
    assert f"altered: {reason} (signalpy-orders 1.0)." == enforced
    warned = told(site, "orders", lock="warn", lockfile=lockfile)
    assert warned.startswith("discovered: ")
    assert warned.endswith(f" A warning: signalpy-orders: {reason}.")


def test_an_entry_that_is_written_wrongly(site: Site) -> None:
    """What cannot be a component is told with what it should have said."""
    site.install("signalpy-orders", entry_points="[signalpy.components]\norders = signalpy_orders\n")
    expected = """failed: its entry point says 'signalpy_orders', expected "module:Class" (signalpy-orders 1.0)."""
    assert expected == told(site, "orders")


def test_the_name_of_a_distribution(site: Site) -> None:
    """Whoever asks for a distribution is told its components."""
    site.component("signalpy-orders", "orders", "1.2")
    text = told(site, "Signalpy_Orders")
    assert text.endswith("signalpy-orders 1.2 is a distribution; its components: orders.")


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
