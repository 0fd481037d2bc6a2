from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from signalpy_audit_trail.query import QueryError
from signalpy_audit_trail.reader import open_trail
from signalpy_audit_trail.store import StoreMissing

Put = Callable[..., list[int]]


def test_a_path_or_a_url(put: Put, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trail is opened by path, text or URL, absolute or relative, and all are the same trail."""
    put({"actor": "alice"})
    monkeypatch.chdir(root.parent)
    origins = set()
    for place in (root, str(root), "trail", Path("trail"), f"file://{root}", "file:trail"):
        with open_trail(place) as trail:
            assert (1, "alice") == (len(trail), trail.query()["entries"][0]["actor"])
            origins.add(trail.origin)
    assert len(origins) == 1


def test_odd_paths_are_no_urls(tmp_path: Path, put: Put, root: Path, store: Any) -> None:
    """A path with a percent sign, a colon or a blank is taken as it is."""
    put({})
    store.close()
    for name in ("50%20 off", "a:b", "file-trail"):
        place = tmp_path / name
        place.symlink_to(root)
        with open_trail(place) as trail:
            assert len(trail) == 1


def test_records_are_read_in_order(put: Put, root: Path) -> None:
    """All records, or those between two positions, come in order."""
    put(*({"data": {"n": number}} for number in range(10)))
    with open_trail(root) as trail:
        assert [*range(10)] == [record["data"]["n"] for record in trail.records()]
        assert [3, 4] == [record["seq"] for record in trail.records(3, 5)]
        assert [] == list(trail.records(10))


def test_a_summary_tells_what_is_there(put: Put, root: Path) -> None:
    """Size, ends, and how many of each kind and outcome, in the order of the words of a record."""
    put({"outcome": "failure", "recorded_at": "A"}, {"kind": "invoke"}, {"recorded_at": "Z", "kind": "of-later"})
    with open_trail(root) as trail:
        summary = trail.summary()
        assert {"size": 3, "first": "A", "last": "Z", "origin": trail.origin}.items() <= summary.items()
        assert [("invoke", 1), ("event", 1), ("of-later", 1)] == list(summary["kinds"].items())
        assert [("success", 2), ("failure", 1)] == list(summary["outcomes"].items())
        assert f"<Trail('file://{root}', size=3)>" == repr(trail)


def test_an_empty_trail_has_a_summary(store: Any, root: Path) -> None:
    """A trail without records is summed up, not refused; a missing one is refused."""
    with open_trail(root) as trail:
        summary = trail.summary()
        assert {"size": 0, "first": None, "last": None, "kinds": {}, "outcomes": {}}.items() <= summary.items()
        assert {"entries": [], "next": None} == trail.query()
    with pytest.raises(StoreMissing):
        open_trail(root.parent / "none")


def test_a_wrong_filter_is_a_value_error(store: Any, root: Path) -> None:
    """Filters are checked as everywhere."""
    with open_trail(root) as trail, pytest.raises(QueryError, match="acter: no such filter; did you mean 'actor'"):
        trail.query(acter="alice")


def test_threads_share_a_trail(put: Put, root: Path) -> None:
    """One open trail answers any number of threads."""
    put(*({"actor": f"u{number % 7}"} for number in range(700)))
    wrong: list[int] = []
    with open_trail(root) as trail:

        def ask(number: int) -> None:
            found = [len(trail.query(actor=f"u{number}", limit=1000)["entries"]) for _ in range(10)]
            wrong.extend(size for size in found if size != 100)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(7)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong


def test_an_index_may_be_kept_elsewhere(put: Put, root: Path, tmp_path: Path) -> None:
    """With ``index=`` the trail's folder stays without one."""
    put({})
    with open_trail(root, index=tmp_path / "index") as trail:
        assert len(trail.query()["entries"]) == 1
    assert (tmp_path / "index").exists()
    assert not (root / "index.sqlite3").exists()


def test_neither_kernel_nor_event_loop_is_loaded(put: Put, root: Path) -> None:
    """An auditor's script imports what it uses, and no more."""
    put({})
    code = (
        "import sys; from signalpy_audit_trail import open_trail\n"
        f"with open_trail({str(root)!r}) as trail: print(len(trail.query()['entries']))\n"
        "print(*({'pydantic', 'asyncio', 'signalpy.kernel'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "1\n\n" == done.stdout, done.stderr
