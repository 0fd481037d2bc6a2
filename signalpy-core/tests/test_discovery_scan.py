"""What is found on a path: names, versions, duplicates, broken folders; nothing is imported."""

from __future__ import annotations

import os
import shutil
import sys
from importlib.metadata import PathDistribution
from typing import TYPE_CHECKING

import pytest

from signalpy import __version__
from signalpy.configuration import PluginSettings
from signalpy.discovery import Candidate, scan
from signalpy.discovery.inspection import inspect
from signalpy.states import PluginInfo, State

if TYPE_CHECKING:
    from conftest import Site

EVERYTHING = PluginSettings()
CONFIG = Candidate("config", "signalpy-core", __version__, "signalpy.builtin:ConfigComponent")


class TestScan:
    def test_a_component_is_found_by_its_entry_point(self, site: Site) -> None:
        """Name, canonical distribution, version and reference come from metadata, and config is always there."""
        site.component("Signalpy_Orders", "orders", "1.2")
        found = scan(EVERYTHING, path=site.path)
        orders = Candidate("orders", "signalpy-orders", "1.2", "signalpy_orders:Service")
        assert (CONFIG, orders) == found.candidates
        assert orders == found.candidate("orders")
        assert found.candidate("nothing") is None
        assert not site.imported

    def test_candidates_are_sorted_by_name(self, site: Site) -> None:
        """The order does not depend on the folder's."""
        for name in ("zebra", "ant", "mule"):
            site.component(f"signalpy-{name}", name)
        assert ["ant", "config", "mule", "zebra"] == [item.name for item in scan(EVERYTHING, path=site.path).candidates]

    def test_the_path_of_the_process_counts(self, importable: Site) -> None:
        """Without a path it is `sys.path` that is read, core's own metadata included."""
        importable.component("signalpy-orders", "orders")
        found = scan(EVERYTHING)
        assert {"orders", "config"} <= {item.name for item in found.candidates}
        assert "signalpy-core" in {item.name for item in found.installed}

    def test_other_distributions_do_not_matter(self, site: Site) -> None:
        """What has no entry point for this framework is not read in full, and breaks nothing if it is broken."""
        info = site.install("tool", entry_points="[console_scripts]\ntool = tool:main\n")
        (info / "METADATA").unlink()
        found = scan(EVERYTHING, path=site.path)
        assert ((), ()) == (found.installed, found.warnings)

    def test_a_candidate_is_told_as_a_row(self, site: Site) -> None:
        """Its row is that of `kernel.plugins()`."""
        site.component("signalpy-orders", "orders", "1.2")
        candidate = scan(EVERYTHING, path=site.path).candidate("orders")
        assert candidate is not None
        assert PluginInfo("orders", "signalpy-orders", "1.2", State.DISCOVERED, "") == candidate.info

    def test_repr_has_counts(self, site: Site) -> None:
        """The repr tells how much was found."""
        site.component("signalpy-orders", "orders")
        found = scan(EVERYTHING, path=site.path)
        assert "<Discovery(num_candidates=2, num_distributions=1)>" == repr(found)
        assert "<Installed signalpy-orders 1.0 (num_entries=1)>" == repr(found.installed[0])

    @pytest.mark.parametrize("name", ["Orders", "my_orders", "-x", "kernel", "plugins", "policy"])
    def test_a_name_that_no_component_can_have(self, site: Site, name: str) -> None:
        """An entry point with an impossible or reserved name is kept as failed, with its reason."""
        site.component("signalpy-x", name)
        candidate = scan(EVERYTHING, path=site.path).candidate(name)
        assert candidate is not None
        assert State.FAILED is candidate.state
        assert repr(name) in candidate.reason

    @pytest.mark.parametrize("value", ["signalpy_x", "signalpy x:Service", ":Service", "x:"])
    def test_a_reference_that_is_none(self, site: Site, value: str) -> None:
        """So is one that does not say where the class is."""
        site.install("signalpy-x", entry_points=f"[signalpy.components]\norders = {value}\n")
        candidate = scan(EVERYTHING, path=site.path).candidate("orders")
        assert candidate is not None
        assert (State.FAILED, f"""its entry point says {value!r}, expected "module:Class\"""") == (
            candidate.state,
            candidate.reason,
        )


class TestElsewhere:
    """Distributions that lie in no plain folder of the path."""

    def test_a_folder_that_setuptools_left(self, site: Site) -> None:
        """An `.egg-info` folder counts as a `.dist-info` does."""
        info = site.component("signalpy-orders", "orders", metadata="Requires-Dist: signalpy-core>=99\n")
        (info / "METADATA").rename(info / "PKG-INFO")
        info.rename(info.with_suffix(".egg-info"))
        candidate = scan(EVERYTHING, path=site.path).candidate("orders")
        assert candidate is not None
        assert ("signalpy-orders", State.INCOMPATIBLE) == (candidate.distribution, candidate.state)

    def test_an_archive(self, site: Site) -> None:
        """What lies in a zip file on the path is found, and can be locked."""
        site.component("signalpy-orders", "orders", "1.2")
        archive = shutil.make_archive(str(site.root.parent / "bundle"), "zip", site.root)
        [found] = scan(EVERYTHING, path=[archive]).installed
        assert ("signalpy-orders", "1.2") == (found.name, found.version)
        assert [] == inspect(found.metadata).problems

    def test_a_finder(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        """What a finder of another kind has is found on the path of the process, and only there."""
        info = site.component("signalpy-orders", "orders", "1.2")

        class Finder:
            @staticmethod
            def find_distributions(context: object) -> list[PathDistribution]:
                return [PathDistribution(info)]

        monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder()])
        assert scan(EVERYTHING).candidate("orders") is not None
        assert scan(EVERYTHING, path=[]).candidate("orders") is None

    def test_a_long_field(self, site: Site) -> None:
        """A field that goes on over lines is read whole, and the description is not taken for fields."""
        text = "Requires-Dist: signalpy-core\n  >=99\nSummary: Orders\n\nRequires-Python: >=99\n"
        site.component("signalpy-orders", "orders", metadata=text)
        [found] = scan(EVERYTHING, path=site.path).installed
        assert (("signalpy-core\n>=99",), "", "Orders") == (found.requires, found.requires_python, found.summary)


class TestDuplicates:
    def test_a_folder_that_is_twice_on_the_path(self, site: Site) -> None:
        """It is read once, and nothing in it is installed twice."""
        site.component("signalpy-orders", "orders")
        found = scan(EVERYTHING, path=[*site.path, *site.path])
        assert (1, ()) == (len(found.installed), found.warnings)

    def test_the_first_on_the_path_counts(self, tmp_path: object, site: Site) -> None:
        """Of two installations of one distribution the first wins, as it does for an import."""
        second = type(site)(site.root.parent / "second")
        site.component("signalpy-orders", "orders", "1.0")
        second.component("signalpy.orders", "orders", "2.0")
        found = scan(EVERYTHING, path=[*site.path, *second.path])
        assert ["1.0"] == [item.version for item in found.candidates if item.name == "orders"]
        assert () == found.warnings

    def test_a_first_one_without_components_hides_the_second(self, site: Site) -> None:
        """The code that would be imported is the first one's, so the second one's entry points do not count."""
        second = type(site)(site.root.parent / "second")
        site.install("signalpy-orders", "2.0")
        second.component("signalpy-orders", "orders", "1.0")
        assert scan(EVERYTHING, path=[*site.path, *second.path]).candidate("orders") is None

    def test_two_versions_in_one_folder(self, site: Site) -> None:
        """Where an upgrade left both, the newer counts, and a line says what to do."""
        site.component("signalpy-orders", "orders", "9.0")
        site.component("signalpy-orders", "orders", "10.0")
        found = scan(EVERYTHING, path=site.path)
        assert ["10.0"] == [item.version for item in found.candidates if item.name == "orders"]
        assert 1 == len(found.warnings)
        assert "signalpy-orders in" in found.warnings[0]
        assert "installed 2 times in one folder, the newest counts" in found.warnings[0]

    def test_a_version_that_is_none_is_the_oldest(self, site: Site) -> None:
        """A version that no rule can read loses against any that it can."""
        site.component("signalpy-orders", "orders", "1.0")
        site.component("signalpy-orders", "orders", "latest")
        assert ["1.0"] == [
            item.version for item in scan(EVERYTHING, path=site.path).candidates if item.name == "orders"
        ]

    def test_what_pip_left_behind(self, site: Site) -> None:
        """A folder that pip renamed in order to remove it is no installation."""
        info = site.component("signalpy-orders", "orders")
        info.rename(info.with_name("~ignalpy_orders-1.0.dist-info"))
        assert scan(EVERYTHING, path=site.path).candidate("orders") is None


class TestBroken:
    @pytest.mark.parametrize(
        ("file", "content"),
        [
            ("METADATA", b"Metadata-Version: 2.1\nVersion: 1.0\n"),
            ("METADATA", b"Metadata-Version: 2.1\nName: signalpy-broken\n"),
            ("METADATA", b"Metadata-Version: 2.1\nName: signalpy-orders\nVersion: 1.0\n"),
            ("METADATA", b"\xff\xfe\x00"),
            ("METADATA", None),
            ("entry_points.txt", b"[signalpy.components]\nthis is no entry point\n"),
            ("entry_points.txt", b"[signalpy.components]\nx = \xff:y\n"),
        ],
    )
    def test_it_costs_one_line_and_the_others_are_found(
        self, site: Site, caplog: pytest.LogCaptureFixture, file: str, content: bytes | None
    ) -> None:
        """A broken folder is one warning that names it, never an exception."""
        site.component("signalpy-orders", "orders")
        info = site.component("signalpy-broken", "broken")
        (info / file).unlink()
        if content is not None:
            (info / file).write_bytes(content)
        found = scan(EVERYTHING, path=site.path)
        assert ["config", "orders"] == [item.name for item in found.candidates]
        assert 1 == len(found.warnings)
        assert f"signalpy-broken in {site.root}: broken metadata, passed over" in found.warnings[0]
        assert "\n" not in found.warnings[0]
        assert [found.warnings[0]] == [record.getMessage() for record in caplog.records]

    def test_a_path_that_does_not_exist(self, site: Site) -> None:
        """A folder on the path that is not there is passed over."""
        assert (CONFIG,) == scan(EVERYTHING, path=[str(site.root / "missing"), os.devnull]).candidates


def test_nothing_is_imported(importable: Site) -> None:
    """A scan of many candidates loads no module of any."""
    for number in range(20):
        importable.component(f"signalpy-n{number}", f"n{number}")
    before = set(sys.modules)
    assert 20 <= len(scan(EVERYTHING).candidates)
    assert not importable.imported
    assert not {name for name in set(sys.modules) - before if name.startswith("signalpy_n")}
