"""Allow and deny, compatibility, collisions, essential components: decided from metadata alone."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from signalpy import __version__
from signalpy.configuration import PluginSettings
from signalpy.discovery import Candidate, Discovery, extensions, scan
from signalpy.discovery.compatibility import incompatibility, plainly_contains
from signalpy.discovery.filter import Filter
from signalpy.states import State

if TYPE_CHECKING:
    from conftest import Site


RELEASES = st.lists(st.integers(0, 3), min_size=1, max_size=4).map(lambda numbers: ".".join(map(str, numbers)))


def decided(site: Site, name: str, **settings: Any) -> Candidate:
    candidate = scan(PluginSettings(**settings), path=site.path).candidate(name)
    assert candidate is not None
    return candidate


class TestFilter:
    @pytest.mark.parametrize(
        "pattern",
        [
            "signalpy-legacy",
            "Signalpy_Legacy",
            "SIGNALPY.LEGACY",
            "signalpy__legacy",
            "signalpy-*",
            "Signalpy_*",
            "orders",
            "ord*",
            "*",
            "[os]*",
        ],
    )
    def test_deny_by_distribution_or_component(self, site: Site, pattern: str) -> None:
        """A pattern on either name denies, however the distribution is spelt."""
        site.component("signalpy-legacy", "orders")
        candidate = decided(site, "orders", deny=(pattern,))
        assert (State.DENIED, f"[plugins] deny has {pattern!r}") == (candidate.state, candidate.reason)

    @pytest.mark.parametrize("name", ["signalpy-legacy", "Signalpy_Legacy", "signalpy.legacy", "SignalPy-Legacy"])
    def test_no_spelling_of_a_distribution_gets_past(self, site: Site, name: str) -> None:
        """What is compared is the canonical name, whatever the distribution calls itself."""
        site.component(name, "orders")
        assert State.DENIED is decided(site, "orders", deny=("signalpy-legacy",)).state

    def test_deny_beats_allow(self, site: Site) -> None:
        """What both name is denied."""
        site.component("signalpy-legacy", "orders")
        assert State.DENIED is decided(site, "orders", allow=("orders", "signalpy-legacy"), deny=("orders",)).state

    @pytest.mark.parametrize("pattern", ["signalpy-orders", "Signalpy.Orders", "orders", "signalpy-or*"])
    def test_allow_by_distribution_or_component(self, site: Site, pattern: str) -> None:
        """What allow names may load, everything else may not."""
        site.component("signalpy-orders", "orders")
        site.component("signalpy-other", "other")
        assert State.DISCOVERED is decided(site, "orders", allow=(pattern,)).state
        other = decided(site, "other", allow=(pattern,))
        assert (State.DENIED, "[plugins] allow has no pattern for 'signalpy-other' or 'other'") == (
            other.state,
            other.reason,
        )

    @pytest.mark.parametrize(
        "settings", [{"deny": ("config",)}, {"deny": ("*",)}, {"allow": ()}, {"deny": ("signalpy-core",)}]
    )
    def test_config_cannot_be_denied(self, site: Site, settings: dict[str, Any]) -> None:
        """The built-in component is there whatever the operator writes."""
        assert State.DISCOVERED is decided(site, "config", **settings).state

    def test_nobody_takes_the_place_of_config(self, site: Site) -> None:
        """A distribution that claims the built-in name is denied, and the built-in one is found."""
        site.component("signalpy-evil", "config")
        found = scan(PluginSettings(prefer={"config": "signalpy-evil"}), path=site.path)
        states = {item.distribution: item.state for item in found.candidates}
        assert {"signalpy-core": State.DISCOVERED, "signalpy-evil": State.DENIED} == states
        config = found.candidate("config")
        assert config is not None
        assert "signalpy-core" == config.distribution

    @given(name=st.from_regex(r"[a-z0-9]{1,5}([-_.]{1,2}[a-zA-Z0-9]{1,5}){0,2}", fullmatch=True))
    def test_any_spelling_denies_itself(self, name: str) -> None:
        """A distribution is denied by every spelling of its own name."""
        assert Filter(["*"], [name]).refusal(canonicalize_name(name), "orders")


class TestCompatibility:
    @pytest.mark.parametrize(
        ("line", "fits"),
        [
            ("signalpy-core", True),
            ("signalpy-core>=0.1,<2", True),
            ("SignalPy_Core (>=0.1)", True),
            ("signalpy-core>=99", False),
            ("signalpy.core<0.0.1", False),
            ("signalpy-core>=99; extra == 'new'", True),
            ("signalpy-core>=99; python_version < '3'", True),
            ("signalpy-core>=99; python_version >= '3'", False),
            ("signalpy-core-tools>=99", True),
            ("another>=99", True),
        ],
    )
    def test_requirement_on_the_core(self, site: Site, line: str, fits: bool) -> None:
        """A distribution whose requirement this core does not meet is incompatible, by name and version."""
        site.component("signalpy-orders", "orders", metadata=f"Requires-Dist: {line}\n")
        candidate = decided(site, "orders")
        assert (State.DISCOVERED if fits else State.INCOMPATIBLE) is candidate.state
        assert fits or f"found {__version__}" in candidate.reason
        assert not site.imported

    @given(
        st.lists(st.tuples(st.sampled_from([">=", "<=", "==", "!=", "<", ">", "~="]), RELEASES), max_size=3),
        st.one_of(RELEASES, st.just("1.0.dev1")),
    )
    def test_a_plain_range_is_read_as_packaging_reads_it(self, clauses: list[tuple[str, str]], version: str) -> None:
        """What is decided without packaging is what packaging decides; what is not plain is left to it."""
        text = ", ".join(f"{sign} {number}" for sign, number in clauses if not (sign == "~=" and "." not in number))
        fits = SpecifierSet(text).contains(version, prereleases=True)
        decided = plainly_contains(text, version)
        assert fits or not decided
        if "~=" not in text and "dev" not in version:
            assert fits == decided

    def test_one_of_several_lines(self) -> None:
        """Every line counts."""
        lines = ["click", "signalpy-core>=0.0.1", "signalpy-core<0.0.2"]
        assert "it needs signalpy-core<0.0.2, found 0.1.0" == incompatibility(lines, "", core="0.1.0")

    def test_a_development_version_of_the_core_counts(self) -> None:
        """A pre-release of the core is tried with what asks for its predecessors."""
        assert "" == incompatibility(["signalpy-core>=0.1"], "", core="0.2.0.dev1")

    @pytest.mark.parametrize(("range_", "fits"), [(">=3.8", True), (">=99", False), ("", True), ("lately", False)])
    def test_requirement_on_python(self, site: Site, range_: str, fits: bool) -> None:
        """So does the Python that runs."""
        site.component("signalpy-orders", "orders", metadata=f"Requires-Python: {range_}\n" if range_ else "")
        candidate = decided(site, "orders")
        assert (State.DISCOVERED if fits else State.INCOMPATIBLE) is candidate.state
        assert fits or platform.python_version() in candidate.reason or "no version range" in candidate.reason

    def test_a_requirement_that_cannot_be_read(self, site: Site) -> None:
        """A line that is no requirement stands against its distribution and nobody else."""
        site.component("signalpy-orders", "orders", metadata="Requires-Dist: signalpy-core >>> 1\n")
        candidate = decided(site, "orders")
        assert State.INCOMPATIBLE is candidate.state
        assert "which is no requirement" in candidate.reason


class TestCollision:
    @pytest.fixture(autouse=True)
    def _two(self, site: Site) -> None:
        site.component("signalpy-orders", "orders", "1.0")
        site.component("acme-orders", "orders", "2.0")

    def states(self, site: Site, **settings: Any) -> dict[str, State]:
        found = scan(PluginSettings(**settings), path=site.path)
        return {item.distribution: item.state for item in found.candidates if item.name == "orders"}

    def test_neither_is_loaded_and_the_reason_names_both(self, site: Site) -> None:
        """Two claims to one name leave it to nobody, and say how to settle it."""
        assert {"acme-orders": State.COLLISION, "signalpy-orders": State.COLLISION} == self.states(site)
        reason = decided(site, "orders").reason
        assert "acme-orders and signalpy-orders claim 'orders'" in reason or "signalpy-orders and acme-orders" in reason
        assert "[plugins] prefer = { orders = " in reason

    @pytest.mark.parametrize("spelling", ["signalpy-orders", "Signalpy_Orders"])
    def test_prefer_settles_it(self, site: Site, spelling: str) -> None:
        """The preferred one may load; the other is denied, and its reason says by what."""
        found = scan(PluginSettings(prefer={"orders": spelling}), path=site.path)
        winner = found.candidate("orders")
        assert winner is not None
        assert (State.DISCOVERED, "signalpy-orders") == (winner.state, winner.distribution)
        loser = next(item for item in found.candidates if item.distribution == "acme-orders")
        assert (State.DENIED, "[plugins] prefer gives the name 'orders' to signalpy-orders") == (
            loser.state,
            loser.reason,
        )

    def test_prefer_that_names_neither(self, site: Site) -> None:
        """A preference that fits nothing settles nothing, and the nearest name is told."""
        candidate = decided(site, "orders", prefer={"orders": "signalpy-order"})
        assert State.COLLISION is candidate.state
        assert (
            "prefer names 'signalpy-order', which is none of them. Did you mean 'signalpy-orders'" in candidate.reason
        )

    def test_what_is_denied_takes_no_part(self, site: Site) -> None:
        """Denying one of the two leaves the name to the other."""
        expected = {"acme-orders": State.DENIED, "signalpy-orders": State.DISCOVERED}
        assert expected == self.states(site, deny=("acme-orders",))

    def test_what_is_incompatible_takes_no_part(self, site: Site) -> None:
        """One that could not be loaded anyway keeps nobody from the name."""
        site.component("acme-orders", "orders", "2.0", metadata="Requires-Dist: signalpy-core>=99\n")
        assert {"acme-orders": State.INCOMPATIBLE, "signalpy-orders": State.DISCOVERED} == self.states(site)

    def test_one_distribution_twice(self, site: Site) -> None:
        """A distribution that claims a name for two classes is told so."""
        site.install("signalpy-two", entry_points="[signalpy.components]\ntwo = a:A\ntwo = b:B\n")
        candidate = decided(site, "two")
        assert (State.COLLISION, "signalpy-two claims 'two' twice; none is loaded. Report it to its author") == (
            candidate.state,
            candidate.reason,
        )

    def test_one_entry_written_twice_is_one(self, site: Site) -> None:
        """The same line twice is no collision."""
        site.install("signalpy-two", entry_points="[signalpy.components]\ntwo = a:A\ntwo = a:A\n")
        assert State.DISCOVERED is decided(site, "two").state


class TestEssential:
    ESSENTIAL = "[signalpy.essential]\norders = signalpy_orders:Service\n"

    def essential(self, found: Discovery) -> set[str]:
        assert {item.name for item in found.candidates if item.essential} <= found.essential
        return set(found.essential)

    def test_a_distribution_declares_its_own_component(self, site: Site) -> None:
        """The entry-point group makes it essential."""
        site.component("signalpy-orders", "orders", extra=self.ESSENTIAL)
        site.component("signalpy-other", "other")
        assert {"orders"} == self.essential(scan(PluginSettings(), path=site.path))

    def test_nobody_declares_for_others(self, site: Site) -> None:
        """A distribution has no say in another one's component."""
        site.component("signalpy-orders", "orders")
        site.component("signalpy-other", "other", extra=self.ESSENTIAL)
        assert set() == self.essential(scan(PluginSettings(), path=site.path))

    def test_denied_is_not_essential(self, site: Site) -> None:
        """What the operator denies is not missed."""
        site.component("signalpy-orders", "orders", extra=self.ESSENTIAL)
        assert set() == self.essential(scan(PluginSettings(deny=("orders",)), path=site.path))

    def test_incompatible_stays_essential(self, site: Site) -> None:
        """What is allowed and does not fit is missed."""
        site.component("signalpy-orders", "orders", extra=self.ESSENTIAL, metadata="Requires-Dist: signalpy-core>=99\n")
        assert {"orders"} == self.essential(scan(PluginSettings(), path=site.path))

    def test_required_by_the_configuration(self, site: Site) -> None:
        """What the configuration requires is essential, installed or not, allowed or not."""
        site.component("signalpy-orders", "orders")
        found = scan(PluginSettings(required=("orders", "missing"), deny=("orders",)), path=site.path)
        assert {"orders", "missing"} == self.essential(found)
        candidate = found.candidate("orders")
        assert candidate is not None
        assert candidate.essential


class TestExtensions:
    GROUP = "signalpy.audit_stores"

    def store(
        self, site: Site, distribution: str, name: str = "postgresql", *, components: str = "", metadata: str = ""
    ) -> None:
        module = distribution.replace("-", "_")
        entries = f"[{self.GROUP}]\n{name} = {module}:Store\n" + (
            f"[signalpy.components]\n{components}" if components else ""
        )
        site.install(
            distribution,
            entry_points=entries,
            modules={f"{module}.py": site.tattling() + "\nclass Store: pass\n"},
            metadata=metadata,
        )

    def names(self, site: Site, **settings: Any) -> dict[str, str]:
        found = extensions(self.GROUP, PluginSettings(**settings), path=site.path)
        return {name: entry.value for name, entry in found.items()}

    def test_by_name_and_nothing_is_imported(self, site: Site) -> None:
        """The entry points of a group are given by name."""
        self.store(site, "signalpy-pg")
        assert {"postgresql": "signalpy_pg:Store"} == self.names(site)
        assert {} == extensions("signalpy.commands", path=site.path)
        assert not site.imported

    def test_loading_one_imports_it(self, importable: Site) -> None:
        """An entry point gives its object when it is loaded."""
        self.store(importable, "signalpy-pg")
        found = extensions(self.GROUP, path=importable.path)["postgresql"].load()
        assert "Store" == found.__name__
        assert importable.imported

    @pytest.mark.parametrize("settings", [{"deny": ("Signalpy_Pg",)}, {"deny": ("postgresql",)}, {"allow": ("other",)}])
    def test_allow_and_deny_govern_it(self, site: Site, settings: dict[str, Any]) -> None:
        """The same patterns count, on the distribution and on the entry's name."""
        self.store(site, "signalpy-pg")
        assert {} == self.names(site, **settings)

    def test_it_goes_with_the_components_of_its_distribution(self, site: Site) -> None:
        """Allowing or denying a component carries over to what else its distribution offers."""
        self.store(site, "signalpy-pg", components="pg = signalpy_pg:Pg\n")
        assert {"postgresql"} == set(self.names(site, allow=("pg",)))
        assert {} == self.names(site, deny=("pg",))

    def test_one_denied_component_of_two_leaves_it(self, site: Site) -> None:
        """As long as one of the components may load, so may the extension."""
        self.store(site, "signalpy-pg", components="pg = signalpy_pg:Pg\nmore = signalpy_pg:More\n")
        assert {"postgresql"} == set(self.names(site, deny=("pg",)))
        assert {} == self.names(site, deny=("pg", "more"))

    def test_incompatible_distributions_offer_nothing(self, site: Site) -> None:
        """A distribution that does not fit this core is not asked for stores either."""
        self.store(site, "signalpy-pg", metadata="Requires-Dist: signalpy-core>=99\n")
        assert {} == self.names(site)

    def test_a_collision_leaves_the_name_to_nobody(self, site: Site, caplog: pytest.LogCaptureFixture) -> None:
        """Two claims to one name are a warning, unless `prefer` settles it."""
        self.store(site, "signalpy-pg")
        self.store(site, "acme-pg")
        assert {} == self.names(site)
        assert "claim 'postgresql'; neither is loaded" in caplog.text
        assert {"postgresql": "acme_pg:Store"} == self.names(site, prefer={"postgresql": "acme-pg"})
