"""``signalpy lock`` and ``signalpy lock --check`` as processes, over distributions that tell if they are imported."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
import venv
from typing import TYPE_CHECKING

import pytest

from signalpy.configuration import PluginSettings
from signalpy.discovery import scan
from signalpy.discovery.lock import lock_of

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Site


@pytest.fixture
def shop(site: Site) -> Site:
    """Two plugins of others, and nothing else that is let in."""
    site.component("signalpy-orders", "orders")
    site.component("acme-bills", "bills", "2.0")
    (site.root.parent / "signalpy.toml").write_text('[plugins]\nallow = ["signalpy-orders", "acme-bills"]\n')
    return site


def locked_names(site: Site) -> list[str]:
    written = tomllib.loads((site.root.parent / "signalpy.lock").read_text())
    return [item["name"] for item in written["distribution"]]


class TestWrite:
    def test_what_may_load_is_locked(self, shop: Site) -> None:
        """Every distribution of which something is let in, and the core; nothing is imported for it."""
        shop.component("acme-denied", "denied")
        done = shop.signalpy("lock")
        assert (0, "") == (done.returncode, done.stderr)
        assert "signalpy.lock: 3 distributions locked" in done.stdout
        assert 'nothing is compared with it before [plugins] lock is "warn" or "enforce"' in done.stdout
        assert "not covered: compiled files (__pycache__), scripts" in done.stdout
        assert ["acme-bills", "signalpy-core", "signalpy-orders"] == locked_names(shop)
        assert not shop.imported

    def test_a_distribution_without_a_component_counts(self, shop: Site) -> None:
        """One that has commands or stores and no component is locked too."""
        shop.install("signalpy-pg", entry_points="[signalpy.audit_stores]\npostgresql = signalpy_pg:Store\n")
        shop.signalpy("lock", SIGNALPY__PLUGINS__ALLOW='["postgresql"]')
        assert ["signalpy-core", "signalpy-pg"] == locked_names(shop)

    def test_again_tells_what_is_new(self, shop: Site) -> None:
        """What is locked otherwise than before is a line each, for whoever looks at it."""
        shop.signalpy("lock")
        (shop.root / "signalpy_orders.py").write_text("# changed")
        shutil.rmtree(shop.root / "acme_bills-2.0.dist-info")
        shop.component("acme-bills", "bills", "2.1")
        done = shop.signalpy("lock")
        assert "~ acme-bills 2.0 -> 2.1\n" in done.stdout
        assert "~ signalpy-orders 1.0: other files or another origin under the same version\n" in done.stdout
        expected = "signalpy: signalpy-orders is locked as it is, changed after it was installed: signalpy_orders.py\n"
        assert expected == done.stderr

    def test_added_and_gone(self, shop: Site) -> None:
        """So are a new one, and one that is gone."""
        shop.signalpy("lock")
        shutil.rmtree(shop.root / "acme_bills-2.0.dist-info")
        shop.component("signalpy-new", "new")
        done = shop.signalpy("lock", SIGNALPY__PLUGINS__ALLOW='["signalpy-orders", "signalpy-new"]')
        assert ["- acme-bills 2.0", "+ signalpy-new 1.0"] == done.stdout.splitlines()[:2]

    def test_where_it_cannot_be_written(self, shop: Site) -> None:
        """A place that does not exist is one line and 2."""
        done = shop.signalpy("lock", SIGNALPY__PLUGINS__LOCKFILE="missing/signalpy.lock")
        path = shop.root.parent / "missing" / "signalpy.lock"
        assert (2, f"signalpy: cannot write {path}: no such file or directory\n") == (done.returncode, done.stderr)

    def test_what_cannot_be_read_is_not_locked(self, shop: Site) -> None:
        """It does not load either, and whoever locks the others is told."""
        (shop.root / "acme_bills-2.0.dist-info" / "METADATA").unlink()
        assert "signalpy: acme-bills in " in shop.signalpy("lock").stderr
        assert ["signalpy-core", "signalpy-orders"] == locked_names(shop)

    def test_an_editable_install_is_named(self, shop: Site) -> None:
        """Its sources are worked on and cannot be locked, which is said."""
        shop.install(
            "signalpy-orders",
            entry_points="[signalpy.components]\norders = signalpy_orders:Service\n",
            files={"direct_url.json": json.dumps({"url": "file:///src/orders", "dir_info": {"editable": True}})},
        )
        assert "the sources of signalpy-core, signalpy-orders (editable)" in shop.signalpy("lock").stdout


class TestCheck:
    def test_nothing_has_changed(self, shop: Site) -> None:
        """If everything is as it was locked, that is said, and what that does not cover."""
        shop.signalpy("lock")
        done = shop.signalpy("lock", "--check")
        assert (0, "") == (done.returncode, done.stderr)
        assert f"every plugin is as {shop.root.parent}/signalpy.lock has it\nnot covered: compiled files" in done.stdout

    def test_every_difference_is_named(self, shop: Site) -> None:
        """A hand-edited file, a plugin that is not locked, one that is gone and one that is no longer let in."""
        shop.component("acme-gone", "gone")
        shop.component("acme-denied", "denied")
        shop.signalpy("lock", SIGNALPY__PLUGINS__ALLOW='["signalpy-orders", "acme-gone", "acme-denied"]')
        shutil.rmtree(shop.root / "acme_gone-1.0.dist-info")
        (shop.root / "signalpy_orders.py").write_text("# changed")
        expected = [
            "acme-bills: it is installed and not locked",
            "acme-denied: it is locked and no longer let in",
            "acme-gone: it is locked and not installed",
            "signalpy-orders: changed after it was installed: signalpy_orders.py",
        ]
        done = shop.signalpy("lock", "--check")
        assert (1, expected) == (done.returncode, done.stdout.splitlines())
        assert done.stderr.startswith("signalpy: 4 plugins are not as ")
        assert done.stderr.endswith("signalpy.lock has them. If that is meant: signalpy lock\n")
        assert not shop.imported

    def test_json(self, shop: Site) -> None:
        """The same for programs."""
        shop.signalpy("lock")
        told = json.loads(shop.signalpy("lock", "--check", "--json").stdout)
        path = str(shop.root.parent / "signalpy.lock")
        assert {"lockfile": path, "holds": True, "differences": []} == told
        (shop.root / "signalpy_orders.py").unlink()
        done = shop.signalpy("lock", "--check", "--json")
        difference = {
            "distribution": "signalpy-orders",
            "differences": ["changed after it was installed: signalpy_orders.py"],
        }
        assert (1, [difference]) == (done.returncode, json.loads(done.stdout)["differences"])

    @pytest.mark.parametrize(("content", "words"), [(None, "Write it with: signalpy lock"), ("x", "is no lock file")])
    def test_without_a_lock_file(self, shop: Site, content: str | None, words: str) -> None:
        """What cannot be compared is 2, not 1."""
        if content is not None:
            (shop.root.parent / "signalpy.lock").write_text(content)
        done = shop.signalpy("lock", "--check")
        assert 2 == done.returncode
        assert words in done.stderr

    def test_json_without_check_is_wrong_usage(self, shop: Site) -> None:
        """Writing prints what it did, for people."""
        assert 2 == shop.signalpy("lock", "--json").returncode


def test_what_was_locked_in_one_environment_holds_in_another(tmp_path: Path) -> None:
    """The same wheel, installed by pip into two virtual environments in different ways, has one lock."""
    project = tmp_path / "project"
    (project / "acme_tool").mkdir(parents=True)
    (project / "acme_tool" / "__init__.py").write_text("def main(): ...\n")
    (project / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["flit_core>=3.11"]\nbuild-backend = "flit_core.buildapi"\n'
        '[project]\nname = "acme-tool"\nversion = "1.0"\ndescription = "A tool"\n'
        '[project.scripts]\nacme-tool = "acme_tool:main"\n'
        '[project.entry-points."signalpy.components"]\ntool = "acme_tool:main"\n'
    )
    wheels = str(tmp_path / "wheels")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    build = [*pip, "wheel", "-q", "--no-build-isolation", "--no-deps", "-w", wheels, str(project)]
    subprocess.run(build, check=True, capture_output=True)
    locks = []
    for place, option in (("one", "--compile"), ("another", "--no-compile")):
        venv.create(tmp_path / place, with_pip=False)
        python = str(tmp_path / place / "bin" / "python")
        offline = ["install", "-q", "--no-deps", "--no-index", option, "--find-links", wheels, "acme-tool"]
        subprocess.run([*pip, "--python", python, *offline], check=True, capture_output=True)
        [site] = (tmp_path / place / "lib").glob("python*/site-packages")
        [locked] = lock_of(scan(PluginSettings(), path=[str(site)]).installed).distribution
        locks.append(locked)
    one, another = locks
    assert one.record_sha256 != another.record_sha256
    assert one.files_sha256 == another.files_sha256
