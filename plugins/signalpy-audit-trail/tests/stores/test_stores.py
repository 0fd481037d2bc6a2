from __future__ import annotations

import re
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from signalpy.configuration import PluginSettings
from signalpy_audit_trail.store import StoreError, UnknownStore
from signalpy_audit_trail.stores import GROUP, find_driver, open_reader, open_store, permitted
from signalpy_audit_trail.stores.file import FileReader, FileStore


def installed(folder: Path, monkeypatch: pytest.MonkeyPatch, *claims: tuple[str, str, str]) -> None:
    """Distributions that claim schemes: (distribution, scheme, object)."""
    for name, scheme, value in claims:
        info = folder / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{GROUP}]\n{scheme} = {value}\n")
    monkeypatch.syspath_prepend(str(folder))


def test_the_file_store_is_registered_like_anyones(root: Path) -> None:
    """``file:`` is found through the entry-point group, for writing and for reading."""
    assert "file" in {point.name for point in entry_points(group=GROUP)}
    store = open_store(f"file://{root}")
    reader = open_reader(f"file://{root}")
    assert (FileStore, FileReader, store.origin) == (type(store), type(reader), reader.origin)
    reader.close()
    store.close()


def test_options_reach_the_driver(root: Path) -> None:
    """What a driver takes beyond the URL is handed to it."""
    store = open_store(f"file://{root}", guest=True, segment_bytes=1000)
    assert not store.unclean
    store.close()
    with pytest.raises(TypeError, match="nonsense"):
        open_store(f"file://{root}", nonsense=1)


def test_third_party_drivers_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver of another distribution answers to its scheme, and gets what follows the colon."""
    (tmp_path / "other_store.py").write_text("driver = object()\n")
    installed(tmp_path, monkeypatch, ("other", "other-1+x", "other_store:driver"))
    driver, location = find_driver("other-1+x://host/database?x=1")
    assert sys.modules["other_store"].driver is driver
    assert location == "//host/database?x=1"


def test_a_driver_that_comes_later_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is installed is asked anew when a folder on the path has changed since it was looked through."""
    (tmp_path / "late_store.py").write_text("driver = object()\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UnknownStore, match="no store answers to 'late'"):
        find_driver("late:x")
    installed(tmp_path, monkeypatch, ("late", "late", "late_store:driver"))
    assert find_driver("late:x")[0] is sys.modules["late_store"].driver


def test_two_that_claim_one_scheme_are_both_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither is taken, and both are named."""
    installed(tmp_path, monkeypatch, ("one", "twice", "a:b"), ("two", "twice", "a:b"))
    with pytest.raises(UnknownStore, match=r"(one and two|two and one) claim 'twice'; neither is loaded"):
        find_driver("twice:x")


def test_a_broken_driver_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that cannot be imported is one line with its reason."""
    installed(tmp_path, monkeypatch, ("broken", "broken", "no_such_module_at_all:driver"))
    reason = "cannot be loaded: importing no_such_module_at_all failed: ModuleNotFound"
    with pytest.raises(StoreError, match=f"the driver no_such_module_at_all:driver {reason}"):
        find_driver("broken:x")


def test_prefer_settles_who_gets_a_scheme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What settles a collision of components settles one of stores."""
    (tmp_path / "second_store.py").write_text("driver = object()\n")
    installed(tmp_path, monkeypatch, ("one", "twice", "a:b"), ("two", "twice", "second_store:driver"))
    driver, _ = find_driver("twice:x", allowed=permitted(PluginSettings(prefer={"twice": "two"})))
    assert sys.modules["second_store"].driver is driver


@pytest.mark.parametrize(
    ("plugins", "reason"),
    [
        (PluginSettings(deny=("other",)), "that of other is denied: [plugins] deny has 'other'"),
        (PluginSettings(allow=("audit-trail",)), "that of other is denied: [plugins] allow has no pattern for 'other'"),
        (PluginSettings(lock="enforce", lockfile="/missing"), "that of other is altered: cannot read the lock file"),
    ],
)
def test_what_may_load_is_decided_before_anything_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plugins: PluginSettings, reason: str
) -> None:
    """A store is governed by allow, deny and the lock file as any component is, and the refusal says by what."""
    (tmp_path / "other_refused.py").write_text("raise RuntimeError('imported')\n")
    installed(tmp_path, monkeypatch, ("other", "other", "other_refused:driver"))
    with pytest.raises(UnknownStore, match=re.escape(f"other:x: {reason}")):
        find_driver("other:x", allowed=permitted(plugins))


def test_the_trails_own_stores_go_with_its_component() -> None:
    """Who lets in the component by its name has let in the stores of its distribution."""
    assert find_driver("file:x", allowed=permitted(PluginSettings(allow=("audit-trail",))))[1] == "x"


@pytest.mark.parametrize("url", ["", "trail", "/var/trail", "FILE:x", ":x", "1:x"])
def test_what_is_no_url_is_told(url: str) -> None:
    """A text without a scheme says what is expected."""
    with pytest.raises(UnknownStore, match="expected a store such as file:///var/lib/trail or file:trail"):
        find_driver(url)
