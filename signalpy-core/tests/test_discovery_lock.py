"""RECORD, the inventory, the files themselves, and the lock file: what changed since somebody looked."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import tomllib
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from signalpy import BootError, Kernel
from signalpy.configuration import PluginSettings
from signalpy.discovery import Candidate, Discovery, extensions, scan
from signalpy.discovery.inspection import Inspection, inspect
from signalpy.discovery.lock import lock_of, read, write
from signalpy.discovery.records import inventory, loaded_inventory, record_sha256, rows
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
        assert () == inspect(metadata).changed

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

    def test_whose_code_is_loaded(self, importable: Site) -> None:
        """A distribution without a component, such as that of a store, counts once its module is imported."""
        importable.install(
            "signalpy-pg",
            "3.0",
            entry_points="[signalpy.audit_stores]\npostgresql = signalpy_pg:Store\n",
            modules={"signalpy_pg.py": "class Store: ...\n"},
        )
        assert "signalpy-pg" not in [item["name"] for item in loaded_inventory(["signalpy-core"])]
        extensions("signalpy.audit_stores")["postgresql"].load()
        told = {item["name"]: item["version"] for item in loaded_inventory(["signalpy-core"])}
        assert ("3.0", True) == (told["signalpy-pg"], "signalpy-core" in told)

    def test_without_record(self, site: Site) -> None:
        """A distribution that no installer wrote has no hash, and nothing to compare."""
        (site.component("signalpy-orders", "orders") / "RECORD").unlink()
        assert None is inventory(["signalpy-orders"], path=site.path)[0]["record_sha256"]
        assert None is lock_of(scan(PluginSettings(), path=site.path).installed).distribution[0].files_sha256


PACKAGE = {"acme_x/__init__.py": "", "acme_x/part.py": "X = 1\n"}


def inspected(site: Site) -> Inspection:
    [found] = scan(PluginSettings(), path=site.path).installed
    return inspect(found.metadata)


class TestInspection:
    @pytest.fixture(autouse=True)
    def _package(self, site: Site) -> None:
        self.info = site.install("acme-x", entry_points="[signalpy.components]\nx = acme_x:X\n", modules=PACKAGE)

    def test_as_it_was_installed(self, site: Site) -> None:
        """Nothing is wrong with what is as its installer left it, compiled files included."""
        (site.root / "acme_x" / "__pycache__").mkdir()
        (site.root / "acme_x" / "__pycache__" / "part.cpython-311.pyc").write_bytes(b"x")
        assert [] == inspected(site).problems

    def test_what_an_installer_adds_makes_no_difference(self, site: Site) -> None:
        """The same wheel has the same hash, whoever installs it, in which order, with scripts and compiled files."""
        before = inspected(site).sha256
        lines = (self.info / "RECORD").read_text().splitlines()
        added = ["../../bin/acme,sha256=abc,1", "acme_x/__pycache__/part.cpython-311.pyc,,"]
        (self.info / "RECORD").write_text("\r\n".join([*added, *reversed(lines)]))
        (self.info / "INSTALLER").write_text("another")
        assert before == inspected(site).sha256
        assert ("../../bin/acme", f"{self.info.name}/INSTALLER") == tuple(sorted(inspected(site).changed))

    @pytest.mark.parametrize("name", ["more.py", f"part{EXTENSION_SUFFIXES[0]}", "part/__init__.py", "part.pyc"])
    def test_what_could_be_imported_besides(self, site: Site, name: str) -> None:
        """A module that somebody adds to the package, or puts before one of its own, is found."""
        before = inspected(site).sha256
        added = site.root / "acme_x" / name
        added.parent.mkdir(exist_ok=True)
        added.write_bytes(b"")
        found = inspected(site)
        assert ((f"acme_x/{name}",), [f"in its packages and not in RECORD: acme_x/{name}"]) == (
            found.unlisted,
            found.problems,
        )
        assert before != found.sha256

    def test_a_folder_that_is_a_link(self, site: Site) -> None:
        """So is a link, behind which anything may stand."""
        (site.root / "acme_x" / "elsewhere").symlink_to(site.root.parent)
        assert ("acme_x/elsewhere",) == inspected(site).unlisted

    def test_data_is_not_code(self, site: Site) -> None:
        """What cannot be imported may come and go: some plugins keep their caches there."""
        (site.root / "acme_x" / "cache.json").write_text("{}")
        assert [] == inspected(site).problems

    def test_a_line_without_a_hash(self, site: Site) -> None:
        """A module that RECORD lists without a hash could be anything."""
        record = self.info / "RECORD"
        record.write_text(re.sub(r"acme_x/part\.py,.*", "acme_x/part.py,,", record.read_text()))
        assert ["in RECORD without a hash: acme_x/part.py"] == inspected(site).problems

    @pytest.mark.parametrize("algorithm", ["sha512", "md4ever", "shake_128"])
    def test_another_algorithm(self, site: Site, algorithm: str) -> None:
        """A hash of another kind is checked if it can be, and counts as changed if not."""
        digest = base64.urlsafe_b64encode(hashlib.sha512(b"X = 1\n").digest()).rstrip(b"=").decode()
        record = self.info / "RECORD"
        record.write_text(re.sub(r"acme_x/part\.py,.*", f"acme_x/part.py,{algorithm}={digest},6", record.read_text()))
        assert (() if algorithm == "sha512" else ("acme_x/part.py",)) == inspected(site).changed

    @pytest.mark.parametrize(
        "content", [b"\xff,,\n", b"x" * 200_000 + b",,\n"], ids=["no UTF-8", "a field too large for CSV"]
    )
    def test_a_record_that_cannot_be_read(self, site: Site, content: bytes) -> None:
        """It is a problem of this one distribution, and never an error of whoever looks."""
        (self.info / "RECORD").write_bytes(content)
        assert (["its RECORD cannot be read"], None) == (inspected(site).problems, inspected(site).sha256)
        expected = [{"name": "acme-x", "version": "1.0", "record_sha256": None}]
        assert expected == inventory(["acme-x"], path=site.path)

    @pytest.mark.parametrize("row", ["a\0b.py,sha256=x,", "acme_x/part.py,sha256=é,", "acme_x,sha256=x,"])
    def test_a_line_that_names_no_file_or_gives_no_hash(self, site: Site, row: str) -> None:
        """What cannot be a file or a hash counts as changed."""
        with (self.info / "RECORD").open("a", encoding="utf-8") as record:
            record.write(f"{row}\n")
        assert (row.partition(",")[0],) == inspected(site).changed

    def test_a_pipe_in_place_of_a_file(self, site: Site) -> None:
        """A pipe is not waited for."""
        (site.root / "acme_x" / "part.py").unlink()
        os.mkfifo(site.root / "acme_x" / "part.py")
        assert ("acme_x/part.py",) == inspected(site).changed

    def test_many_are_counted(self, site: Site) -> None:
        """A message names some, and says how many more there are."""
        for number in range(5):
            (site.root / "acme_x" / f"more{number}.py").write_text("")
        expected = "in its packages and not in RECORD: acme_x/more0.py, acme_x/more1.py, acme_x/more2.py and 2 more"
        assert [expected] == inspected(site).problems


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
        assert ["signalpy-a", "signalpy-b"] == [item.name for item in lock.distribution]
        assert origin == lock.distribution[1].origin
        assert ["signalpy.lock"] == [file.name for file in path.parent.glob("*.lock*")]

    def test_it_is_read_by_people_and_by_other_programs(self, locked: Site) -> None:
        """It is TOML that says what it is, a table for each distribution, a line for each fact."""
        text = (locked.root.parent / "signalpy.lock").read_text()
        assert text.startswith("# ")
        first, _ = tomllib.loads(text)["distribution"]
        record = (locked.root / "signalpy_orders-1.0.dist-info" / "RECORD").read_bytes()
        assert ("signalpy-orders", "1.0", hashlib.sha256(record).hexdigest()) == (
            first["name"],
            first["version"],
            first["record_sha256"],
        )
        assert 2 == text.count("\n[[distribution]]\n")

    def test_no_password_gets_into_it(self, site: Site) -> None:
        """Should an installer have left one in the address, it is left out."""
        origin = {"url": "https://user:hu@sh@index.invalid/x.whl", "hash": None, "other": [None]}
        site.install(
            "signalpy-a", entry_points="[signalpy.components]\na = a:A\n", files={"direct_url.json": json.dumps(origin)}
        )
        [locked] = lock_of(scan(PluginSettings(), path=site.path).installed).distribution
        assert {"url": "https://user@index.invalid/x.whl", "other": []} == locked.origin

    @pytest.mark.parametrize(
        "content", [b"broken", b"\xff", b'{"a":' + b"[" * 100_000], ids=["no JSON", "no UTF-8", "too deep"]
    )
    def test_an_origin_that_is_no_json(self, site: Site, content: bytes) -> None:
        """A broken direct_url.json is locked as unreadable, so that a later good one is a difference."""
        info = site.install("signalpy-a", entry_points="[signalpy.components]\na = a:A\n")
        (info / "direct_url.json").write_bytes(content)
        assert {"unreadable": True} == lock_of(scan(PluginSettings(), path=site.path).installed).distribution[0].origin

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

    @pytest.mark.parametrize(
        "content",
        ["", "no TOML", "format = 2\ndistribution = []", "format = 1", b"\xff", "format = 1\ndistribution = 1"],
    )
    def test_what_is_no_lock_file(self, tmp_path: Path, content: str | bytes) -> None:
        """A file of another kind or format is a configuration error that names it."""
        path = tmp_path / "signalpy.lock"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
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

    def test_a_record_that_cannot_be_read_is_a_difference(self, locked: Site) -> None:
        """Also where it could not be read when it was locked; the others load."""
        (locked.root / "signalpy_orders-1.0.dist-info" / "RECORD").write_bytes(b"\xff")
        for _ in range(2):
            orders = found(under(locked), "orders")
            assert State.ALTERED is orders.state
            assert "its RECORD cannot be read" in orders.reason
            assert State.DISCOVERED is found(under(locked), "other").state
            write(locked.root.parent / "signalpy.lock", lock_of(scan(PluginSettings(), path=locked.path).installed))

    def test_a_removed_file_is_named(self, locked: Site) -> None:
        """So is one that is gone."""
        (locked.root / "signalpy_orders.py").unlink()
        assert "changed after it was installed: signalpy_orders.py" in found(under(locked), "orders").reason

    def test_an_edit_that_rewrites_record(self, locked: Site) -> None:
        """Rewriting RECORD to fit the edit does not hide it, though then nobody can tell which file it was."""
        locked.component("signalpy-orders", "orders")
        (locked.root / "signalpy_orders.py").write_text("# changed\n")
        locked.install(
            "signalpy-orders",
            entry_points="[signalpy.components]\norders = signalpy_orders:Service\n",
            modules={"signalpy_orders.py": "# changed\n"},
        )
        expected = "its files are not those that were locked, and neither is its RECORD"
        assert expected in found(under(locked), "orders").reason

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
        """What is let in and essential is missed, be it altered or not locked."""
        locked.component("signalpy-new", "new", extra="[signalpy.essential]\nnew = signalpy_new:Service\n")
        (locked.root / "signalpy_orders.py").write_text("# changed\n")
        assert {"orders", "new"} == under(locked).essential == under(locked, "warn").essential
        assert {"orders"} == under(locked, deny=("signalpy-new",)).essential

    def test_a_stranger_makes_no_others_component_essential(self, locked: Site) -> None:
        """A distribution that does not get the name has no say in whether its holder is essential."""
        locked.component("acme-other", "other", extra="[signalpy.essential]\nother = acme_other:Service\n")
        discovery = under(locked)
        assert State.DISCOVERED is found(discovery, "other").state
        assert {"orders"} == discovery.essential

    @pytest.mark.parametrize("unlocked", [True, False])
    async def test_boot_without_an_essential_component_fails(
        self, locked: Site, monkeypatch: pytest.MonkeyPatch, *, unlocked: bool
    ) -> None:
        """Under enforce nothing starts without what is essential: not without a lock file, not when it was altered."""
        path = locked.root.parent / "signalpy.lock"
        if unlocked:
            path.unlink()
        else:
            (locked.root / "signalpy_orders.py").write_text("# changed\n")
        kernel = Kernel({"plugins": {"lock": "enforce", "lockfile": str(path), "allow": ["signalpy-orders"]}})
        monkeypatch.syspath_prepend(str(locked.root))
        with pytest.raises(BootError) as raised:
            await kernel.boot()
        words = "Write it with: signalpy lock" if unlocked else "changed after it was installed: signalpy_orders.py"
        assert "orders" == raised.value.component
        assert words in raised.value.why
        assert not locked.imported

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

    @pytest.mark.parametrize("content", [None, "broken", "format = 1\ndistribution = []\n"])
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
