"""RECORD, the inventory, and the lock file: what changed since somebody looked."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from signalpy.configuration import PluginSettings
from signalpy.discovery import Candidate, Discovery, scan
from signalpy.discovery.lock import lock_of, read, write
from signalpy.discovery.records import changed_files, inventory, record_sha256, rows
from signalpy.errors import ConfigError
from signalpy.states import State

if TYPE_CHECKING:
    from conftest import Site


@pytest.fixture
def locked(site: Site) -> Site:
    """Two distributions, and a lock file of both."""
    site.component("signalpy-orders", "orders", extra="[signalpy.essential]\norders = signalpy_orders:Service\n")
    site.component("signalpy-other", "other")
    write(site.root.parent / "signalpy.lock", lock_of(scan(PluginSettings(), path=site.path).installed))
    return site


def under(site: Site, lock: str = "enforce", **settings: Any) -> Discovery:
    lockfile = str(site.root.parent / "signalpy.lock")
    return scan(PluginSettings(lock=lock, lockfile=lockfile, **settings), path=site.path)  # type: ignore[arg-type]


def found(discovery: Discovery, name: str) -> Candidate:
    candidate = discovery.candidate(name)
    assert candidate is not None
    return candidate


class TestRecords:
    def test_rows(self, site: Site) -> None:
        """RECORD is read as the installer wrote it."""
        site.component("signalpy-orders", "orders")
        metadata = scan(PluginSettings(), path=site.path).installed[0].metadata
        assert "signalpy_orders.py" in [row.path for row in rows(metadata)]
        assert [] == changed_files(metadata)

    def test_the_hash_is_that_of_the_file(self, site: Site) -> None:
        """It is what `sha256sum RECORD` prints, whatever the line ends are."""
        record = site.component("signalpy-orders", "orders") / "RECORD"
        record.write_bytes(record.read_bytes().replace(b"\n", b"\r\n"))
        metadata = scan(PluginSettings(), path=site.path).installed[0].metadata
        assert hashlib.sha256(record.read_bytes()).hexdigest() == record_sha256(metadata)

    def test_inventory(self, site: Site) -> None:
        """Name, version and hash of each distribution, sorted, by canonical name; unknown ones with nothing."""
        site.component("signalpy-orders", "orders", "1.2")
        record = site.root / "signalpy_orders-1.2.dist-info" / "RECORD"
        expected = [
            {"name": "missing", "version": None, "record_sha256": None},
            {
                "name": "signalpy-orders",
                "version": "1.2",
                "record_sha256": hashlib.sha256(record.read_bytes()).hexdigest(),
            },
        ]
        assert expected == inventory(["Signalpy_Orders", "missing", "signalpy-orders"], path=site.path)

    def test_inventory_of_this_process(self) -> None:
        """Without a path it is what runs here."""
        (item,) = inventory(["signalpy-core"])
        assert item["version"]
        assert 64 == len(item["record_sha256"] or "")

    def test_without_record(self, site: Site) -> None:
        """A distribution that no installer wrote has no hash, and nothing to compare."""
        (site.component("signalpy-orders", "orders") / "RECORD").unlink()
        assert None is inventory(["signalpy-orders"], path=site.path)[0]["record_sha256"]
        assert None is lock_of(scan(PluginSettings(), path=site.path).installed).distributions[0].files_sha256


class TestFile:
    def test_written_and_read(self, site: Site) -> None:
        """What was written is read again, sorted by name, with the origin of PEP 610."""
        origin = {"url": "file:///wheels/x.whl", "archive_info": {}}
        site.install(
            "signalpy-b",
            entry_points="[signalpy.components]\nb = b:B\n",
            files={"direct_url.json": json.dumps(origin)},
        )
        site.component("signalpy-a", "a")
        lock = lock_of(scan(PluginSettings(), path=site.path).installed)
        path = site.root.parent / "signalpy.lock"
        write(path, lock)
        assert lock == read(path)
        assert ["signalpy-a", "signalpy-b"] == [item.name for item in lock.distributions]
        assert origin == lock.distributions[1].origin
        assert ["signalpy.lock"] == [file.name for file in path.parent.glob("*.lock*")]

    def test_an_origin_that_is_no_json(self, site: Site) -> None:
        """A broken direct_url.json is locked as unreadable, so that a later good one is a difference."""
        site.install("signalpy-a", entry_points="[signalpy.components]\na = a:A\n", files={"direct_url.json": "broken"})
        assert {"unreadable": True} == lock_of(scan(PluginSettings(), path=site.path).installed).distributions[0].origin

    def test_it_is_the_same_every_time(self, locked: Site) -> None:
        """Nothing in it depends on when or where it is written."""
        path = locked.root.parent / "signalpy.lock"
        before = path.read_bytes()
        write(path, lock_of(scan(PluginSettings(), path=locked.path).installed))
        assert before == path.read_bytes()
        assert str(locked.root).encode() not in before

    def test_a_failed_write_leaves_the_old_one(self, locked: Site) -> None:
        """If it cannot be written, what was there is still there, and no draft."""
        folder = locked.root.parent / "taken"
        (folder / "x").mkdir(parents=True)
        with pytest.raises(IsADirectoryError):
            write(folder, read(locked.root.parent / "signalpy.lock"))
        assert [] == list(locked.root.parent.glob(".taken*"))

    @pytest.mark.parametrize("content", ["", "{}", "not json", '{"format": 2, "distributions": []}', '{"format": 1}'])
    def test_what_is_no_lock_file(self, tmp_path: Path, content: str) -> None:
        """A file of another kind or format is a configuration error that names it."""
        path = tmp_path / "signalpy.lock"
        path.write_text(content)
        with pytest.raises(ConfigError, match=r"signalpy\.lock"):
            read(path)


class TestCompared:
    def test_unchanged(self, locked: Site) -> None:
        """What is as it was locked may load, without a word."""
        discovery = under(locked)
        assert (State.DISCOVERED, State.DISCOVERED) == (
            found(discovery, "orders").state,
            found(discovery, "other").state,
        )
        assert () == discovery.warnings

    def test_an_edited_file_is_named(self, locked: Site) -> None:
        """A hand-edited module inside an installed plugin is found and named, and nothing is imported for it."""
        (locked.root / "signalpy_orders.py").write_text("# changed\n")
        discovery = under(locked)
        orders = found(discovery, "orders")
        assert State.ALTERED is orders.state
        assert "changed after it was installed: signalpy_orders.py" in orders.reason
        assert State.DISCOVERED is found(discovery, "other").state
        assert not locked.imported

    def test_a_removed_file_is_named(self, locked: Site) -> None:
        """So is one that is gone."""
        (locked.root / "signalpy_orders.py").unlink()
        assert "changed after it was installed: signalpy_orders.py" in found(under(locked), "orders").reason

    def test_an_edit_that_rewrites_record(self, locked: Site) -> None:
        """Rewriting RECORD to fit the edit does not hide it."""
        locked.component("signalpy-orders", "orders")
        (locked.root / "signalpy_orders.py").write_text("# changed\n")
        locked.install(
            "signalpy-orders",
            entry_points="[signalpy.components]\norders = signalpy_orders:Service\n",
            modules={"signalpy_orders.py": "# changed\n"},
        )
        assert "RECORD is not the one that was locked" in found(under(locked), "orders").reason

    def test_another_version(self, locked: Site) -> None:
        """An upgrade is told as one."""
        for file in (locked.root / "signalpy_orders-1.0.dist-info").iterdir():
            file.unlink()
        (locked.root / "signalpy_orders-1.0.dist-info").rmdir()
        locked.component("signalpy-orders", "orders", "1.1")
        assert "version 1.1 is installed, 1.0 is locked" in found(under(locked), "orders").reason

    def test_another_origin(self, locked: Site) -> None:
        """The same files from another place are told too."""
        info = locked.root / "signalpy_orders-1.0.dist-info"
        (info / "direct_url.json").write_text('{"url": "https://elsewhere.invalid/x.whl"}')
        assert "it was installed from another place" in found(under(locked), "orders").reason

    def test_unlocked(self, locked: Site) -> None:
        """Under enforce, what is not in the file may not load, and takes no part in a collision."""
        locked.component("acme-orders", "orders")
        locked.component("signalpy-new", "new", extra="[signalpy.essential]\nnew = signalpy_new:Service\n")
        discovery = under(locked)
        assert State.ALTERED is found(discovery, "new").state
        assert "signalpy-new is not in " in found(discovery, "new").reason
        assert (State.DISCOVERED, "signalpy-orders") == (
            found(discovery, "orders").state,
            found(discovery, "orders").distribution,
        )

    def test_who_is_essential_under_enforce(self, locked: Site) -> None:
        """An altered essential component is missed; a distribution that is not locked has no say."""
        locked.component("signalpy-new", "new", extra="[signalpy.essential]\nnew = signalpy_new:Service\n")
        (locked.root / "signalpy_orders.py").write_text("# changed\n")
        assert {"orders"} == under(locked).essential
        assert {"orders", "new"} == under(locked, "warn").essential

    def test_warn_names_every_difference_and_lets_it_load(self, locked: Site) -> None:
        """Under warn each difference is a line, and nothing is kept back."""
        (locked.root / "signalpy_orders.py").write_text("# changed\n")
        locked.component("signalpy-new", "new")
        for file in (locked.root / "signalpy_other-1.0.dist-info").iterdir():
            file.unlink()
        discovery = under(locked, "warn")
        assert (State.DISCOVERED, State.DISCOVERED) == (found(discovery, "orders").state, found(discovery, "new").state)
        text = "\n".join(discovery.warnings)
        assert 3 == len(discovery.warnings)
        assert "signalpy-orders: differs from" in text
        assert "signalpy-new: signalpy-new is not in" in text
        assert "signalpy-other: is in" in text

    def test_off_reads_nothing(self, locked: Site) -> None:
        """Without a lock setting the file is not even opened."""
        (locked.root.parent / "signalpy.lock").write_text("broken")
        discovery = under(locked, "off")
        assert (State.DISCOVERED, ()) == (found(discovery, "orders").state, discovery.warnings)

    @pytest.mark.parametrize("content", [None, "broken"])
    def test_no_lock_file_fails_closed(self, locked: Site, content: str | None) -> None:
        """Under enforce a missing or broken lock file lets nothing load but config."""
        path = locked.root.parent / "signalpy.lock"
        path.unlink()
        if content is not None:
            path.write_text(content)
        discovery = under(locked)
        assert (State.ALTERED, State.DISCOVERED) == (found(discovery, "orders").state, found(discovery, "config").state)
        assert "signalpy.lock" in found(discovery, "orders").reason

    def test_extensions_too(self, locked: Site) -> None:
        """A store of a distribution that is not locked is not offered."""
        locked.install("signalpy-pg", entry_points="[signalpy.audit_stores]\npg = pg:Store\n")
        assert {} == under(locked).extensions("signalpy.audit_stores")
        assert {"pg"} == set(under(locked, "warn").extensions("signalpy.audit_stores"))
