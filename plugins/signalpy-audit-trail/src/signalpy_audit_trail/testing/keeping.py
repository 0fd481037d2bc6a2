"""The place of a trail: what is refused there, who may read it, and what is told of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from signalpy_audit_trail.commit import commit
from signalpy_audit_trail.query import Filters
from signalpy_audit_trail.search import ask
from signalpy_audit_trail.store import IndexInParts, StoreError, StoreForeign, StoreFormat, StoreMissing
from signalpy_audit_trail.stores import open_reader
from signalpy_audit_trail.testing.records import draft
from signalpy_audit_trail.testing.suite import Place, StoreSuite
from signalpy_audit_trail.verification import Result, verify


def picture(root: Path) -> dict[str, tuple[object, ...]]:
    """Return every name below ``root`` with its content, rights and time of change."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        content = path.read_bytes() if path.is_file() else None
        found[str(path.relative_to(root))] = (content, status.st_mode, status.st_mtime_ns)
    return found


def a_text(path: Path) -> None:
    """Somebody's file."""
    path.write_text("precious\n" * 100)


def a_folder(path: Path) -> None:
    """Somebody's folder."""
    path.mkdir()
    (path / "precious.txt").write_text("precious")


class Keeping(StoreSuite):
    """What lies where, and for whom."""

    def test_the_origin_is_made_once(self, place: Place, other: Place) -> None:
        """It is the same for all who open the trail, does not follow from the place, and no other trail has it."""
        store = place.store()
        origins = {store.origin, place.store().origin, place.beside(store).origin}
        assert 1 == len(origins)
        assert other.store().origin not in origins
        assert not any(part in store.origin for part in Path(place.url.partition(":")[2]).parts if len(part) > 3)
        if self.files:
            place.close()
            aside = place.path.with_name("aside")
            place.path.rename(aside)
            assert place.store().origin not in origins

    def test_the_url_opens_the_trail_and_tells_no_secret(self, place: Place) -> None:
        """``url`` names the trail, in logs and errors too, and says nothing that gives access to it."""
        store = place.store()
        commit(store, [draft()])
        reader = place.beside(store)
        assert reader.url == store.url
        assert self.files is (place.driver.path(place.location) is not None)
        told = [store.url, repr(store), repr(reader), repr(place.driver)]
        reader.close()
        store.close()
        with pytest.raises(StoreError) as caught:
            store.head()
        told.append(str(caught.value))
        if self.secret is not None:
            assert not any(self.secret in text for text in told)
        elif self.durable:
            again = open_reader(store.url)
            assert store.origin == again.origin
            again.close()

    def test_a_missing_trail_is_no_empty_one(self, place: Place, tmp_path: Path) -> None:
        """A reader of what is not there is told so, and makes nothing; a trail without records can be read."""
        before = picture(tmp_path)
        with pytest.raises(StoreMissing) as caught:
            place.reader()
        assert "\n" not in str(caught.value)
        assert before == picture(tmp_path)
        place.store(guest=True).close()
        if self.durable:
            assert 0 == place.reader().size()

    @pytest.mark.parametrize("put", [a_text, a_folder])
    def test_what_is_foreign_is_left_alone(self, place: Place, tmp_path: Path, put: Callable[[Path], None]) -> None:
        """Something else at the trail's place is one clear line, for those that write and those that read."""
        self.needs(files=True)
        put(place.path)
        before = picture(tmp_path)
        for attempt in (place.store, place.reader):
            with pytest.raises(StoreForeign) as caught:
                attempt()
            assert str(place.path) in str(caught.value)
            assert "\n" not in str(caught.value)
            assert before == picture(tmp_path)

    def test_a_later_format_is_left_alone(self, place: Place, tmp_path: Path) -> None:
        """A trail of a version to come is one clear line that says what to do, and stays as it is."""
        self.needs(durable=True)
        self.filled(place, 3)
        if not self.make_future(place):
            pytest.skip("the store's author has not said how a later format looks")
        before = picture(tmp_path)
        for attempt in (place.store, place.reader):
            with pytest.raises(StoreFormat) as caught:
                attempt()
            assert "\n" not in str(caught.value)
            assert getattr(caught.value, "found", None) != getattr(caught.value, "known", None)
        assert before == picture(tmp_path)

    def test_files_are_for_their_owner_only(self, place: Place, tmp_path: Path) -> None:
        """Files are 0600 and folders 0700, while the trail is open and afterwards, whatever the mask."""
        self.needs(files=True)
        mask = os.umask(0)
        try:
            for closed in (False, True):
                store = place.store()
                commit(store, [draft(given=True, id="a")])
                store.keep_checkpoint(_note(store.origin))
                reader = place.beside(store)
                ask(reader, {"actor": "alice"})
                if closed:
                    reader.close()
                    store.close()
                paths = [path for path in tmp_path.rglob("*") if path.name != "elsewhere"]
                modes = {str(path): stat.S_IMODE(path.stat().st_mode) for path in paths}
                wanted = {str(path): 0o700 if path.is_dir() else 0o600 for path in paths}
                assert wanted == modes
        finally:
            os.umask(mask)

    def test_what_may_not_be_written_is_read_as_it_is(
        self, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A trail without a right to write is read, searched and verified, and no byte in it or beside it changes."""
        self.needs(files=True)
        root = tmp_path / "kept"
        root.mkdir()
        kept = Place(self.location(root), self.options)
        self.filled(kept, 50, actor="alice")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        assert kept.driver.writable(kept.location)
        _take_rights(root)
        before = picture(root)
        try:
            assert not kept.driver.writable(kept.location)
            reader = kept.reader()
            assert (50, 50) == (reader.size(), len(list(reader.leaves())))
            assert 50 == len(reader.search(Filters(actor="alice"), head=50, after=None, descending=True, limit=99))
            assert {"alice": 50} == dict(reader.count(Filters(), "actor", head=50))
            assert (None, 0) == (reader.checkpoint(), reader.torn())
            assert Result.HOLDS == verify(reader, processes=1).verdict
            kept.close()
            assert before == picture(root)
        finally:
            _give_rights(root)

    def test_a_check_of_the_index_changes_nothing(self, place: Place, tmp_path: Path) -> None:
        """Holding the index against the leaves leaves both as they were."""
        self.needs(files=True, indexed=True)
        self.filled(place, 20, subjects=["s"])
        reader = place.reader()
        ask(reader, {"subject": "s"})
        reader.close()
        before = {name: item[0] for name, item in picture(tmp_path).items()}
        reader = place.reader()
        state = reader.check_index()
        assert (20, "", None) == (state.size, state.difference, state.seq)
        if isinstance(reader, IndexInParts):
            seen: list[int] = []
            parts = [reader.check_index_part(part, seen.append) for part in reader.index_parts(2)]
            assert {(20, "", None)} == {(part.size, part.difference, part.seq) for part in parts}
            assert 20 == sum(seen)
        reader.close()
        assert before == {name: item[0] for name, item in picture(tmp_path).items()}


def _note(origin: str) -> str:
    from signalpy_audit_trail.testing.child import NOTE

    return origin + NOTE[1:]


def _take_rights(root: Path) -> None:
    for path in [*root.rglob("*"), root]:
        path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o222)


def _give_rights(root: Path) -> None:
    for path in [root, *root.rglob("*")]:
        path.chmod(stat.S_IMODE(path.stat().st_mode) | 0o200)
