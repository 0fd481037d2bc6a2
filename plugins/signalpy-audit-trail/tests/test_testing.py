"""The contract's tests find what is wrong with a store, and let no deviation pass without a reason."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from signalpy_audit_trail.stores import memory, scan
from signalpy_audit_trail.stores.memory import MemoryReader, MemoryStore, MemoryTurn
from signalpy_audit_trail.testing import StoreContract
from signalpy_audit_trail.testing.suite import Place

pytest_plugins = ("pytester",)
Patch = pytest.MonkeyPatch


class Memory(StoreContract):
    durable = processes = files = indexed = False
    full_disk = None

    def location(self, tmp_path: Path) -> str:
        return f"memory:{tmp_path}"


def loses_the_last(patch: Patch) -> None:
    patch.setattr(MemoryTurn, "append", lambda self, leaves: self._trail.append(leaves[:-1] or leaves))


def changes_bytes(patch: Patch) -> None:
    patch.setattr(MemoryTurn, "append", lambda self, leaves: self._trail.append([leaf + b" " for leaf in leaves]))


def appends_the_empty(patch: Patch) -> None:
    patch.setattr(MemoryTurn, "append", lambda self, leaves: self._trail.append(leaves or [b""]))


def includes_the_stop(patch: Patch) -> None:
    plain = MemoryReader.leaves
    patch.setattr(MemoryReader, "leaves", lambda self, start=0, stop=None: plain(self, start, stop and stop + 1))


def lets_all_write_at_once(patch: Patch) -> None:
    patch.setattr(memory._Queue, "acquire", lambda *_arguments: None)
    patch.setattr(memory._Queue, "release", lambda *_arguments: None)
    plain = memory._Trail.append

    def append(self: Any, leaves: Any) -> None:
        time.sleep(0.001)
        plain(self, leaves)

    patch.setattr(memory._Trail, "append", append)


def hashes_without_prefix(patch: Patch) -> None:
    patch.setattr(memory, "leaf_hash", lambda leaf: sha256(leaf).digest())


def makes_nodes_up(patch: Patch) -> None:
    plain = MemoryReader.nodes

    def nodes(self: MemoryReader, level: int, start: int, stop: int) -> bytes:
        try:
            return plain(self, level, start, stop)
        except OSError:
            return bytes(32 * (stop - start))

    patch.setattr(MemoryReader, "nodes", nodes)


def keeps_any_checkpoint(patch: Patch) -> None:
    def keep(self: MemoryStore, note: str) -> bool:
        self._trail.checkpoint = note
        return True

    patch.setattr(MemoryStore, "keep_checkpoint", keep)


def writes_when_closed(patch: Patch) -> None:
    patch.setattr(MemoryStore, "close", lambda _self: None)


def keeps_its_turn_after_an_error(patch: Patch) -> None:
    @contextmanager
    def turn(self: MemoryStore) -> Iterator[MemoryTurn]:
        self._trail.queue.acquire(0.01, self.url)
        yield MemoryTurn(self._trail)
        self._trail.queue.release()

    patch.setattr(MemoryStore, "turn", turn)


def forgets_duplicates(patch: Patch) -> None:
    plain = MemoryTurn.held
    patch.setattr(MemoryTurn, "held", lambda self, ids: {name: seqs[:1] for name, seqs in plain(self, ids).items()})


def knows_no_ids(patch: Patch) -> None:
    patch.setattr(MemoryTurn, "held", lambda _self, _ids: {})


def looks_beyond_the_head(patch: Patch) -> None:
    plain = scan.search
    patch.setattr(MemoryReader, "search", lambda self, *given, head, **how: plain(self._trail.leaves, *given, **how))


def counts_everything(patch: Patch) -> None:
    plain = scan.count
    patch.setattr(scan, "count", lambda leaves, filters, by: plain(leaves, memory.Filters(), by))


def compares_without_case(patch: Patch) -> None:
    plain = scan._equals
    patch.setattr(scan, "_equals", lambda name, wanted, keys: plain(name, wanted.lower(), keys))


def pages_overlap(patch: Patch) -> None:
    plain = scan.search

    def search(*given: Any, after: int | None, descending: bool, limit: int) -> list[bytes]:
        shifted = None if after is None else after + (1 if descending else -1)
        return plain(*given, after=shifted, descending=descending, limit=limit)

    patch.setattr(scan, "search", search)


def has_one_origin_for_all(patch: Patch) -> None:
    patch.setattr(memory.secrets, "token_hex", lambda _size: "0")


FLAWS: list[tuple[Callable[[Patch], None], str]] = [
    (loses_the_last, "test_what_is_appended_is_read_back"),
    (changes_bytes, "test_what_is_appended_is_read_back"),
    (appends_the_empty, "test_nothing_appended_changes_nothing"),
    (includes_the_stop, "test_a_part_is_read_by_its_bounds"),
    (lets_all_write_at_once, "test_threads_write_one_trail"),
    (hashes_without_prefix, "test_the_tree_is_that_of_the_definition"),
    (hashes_without_prefix, "test_a_trail_verifies"),
    (makes_nodes_up, "test_a_node_that_is_not_there_is_an_error"),
    (keeps_any_checkpoint, "test_a_checkpoint_never_shrinks"),
    (writes_when_closed, "test_a_closed_store_takes_nothing"),
    (keeps_its_turn_after_an_error, "test_a_turn_that_fails_appends_nothing"),
    (forgets_duplicates, "test_what_holds_an_id_is_found"),
    (knows_no_ids, "test_a_given_id_is_known_to_every_writer"),
    (knows_no_ids, "test_many_ids_are_looked_up_at_once"),
    (looks_beyond_the_head, "test_only_what_is_below_the_head_is_found"),
    (counts_everything, "test_answers_are_those_of_a_plain_scan"),
    (compares_without_case, "test_answers_are_those_of_a_plain_scan"),
    (pages_overlap, "test_answers_are_those_of_a_plain_scan"),
    (has_one_origin_for_all, "test_the_origin_is_made_once"),
]


@pytest.mark.parametrize(("flaw", "test"), FLAWS, ids=lambda item: getattr(item, "__name__", item))
def test_a_flaw_is_found(tmp_path: Path, flaw: Callable[[Patch], None], test: str) -> None:
    """A store that breaks a promise fails the test of that promise, which it passes otherwise."""
    run(test, f"memory:{tmp_path}/sound")
    with pytest.MonkeyPatch.context() as patch:
        flaw(patch)
        with pytest.raises((Exception, pytest.fail.Exception)):  # in whatever way
            run(test, f"memory:{tmp_path}/flawed")


def run(test: str, url: str) -> None:
    for seed in range(4) if "scan" in test else [None]:
        given: dict[str, Any] = {"place": Place(f"{url}/{seed}", {})}
        if seed is not None:
            given["seed"] = seed
        if "origin" in test:
            given["other"] = Place(f"{url}/other", {})
        getattr(Memory(), test)(**given)


def test_a_secret_that_is_told_is_found(tmp_path: Path) -> None:
    """A store that shows a part of its URL which it calls a secret fails."""

    class Indiscreet(Memory):
        secret = "hunter2"

    with pytest.raises(AssertionError):
        Indiscreet().test_the_url_opens_the_trail_and_tells_no_secret(Place(f"memory:{tmp_path}-hunter2", {}))
    Indiscreet().test_the_url_opens_the_trail_and_tells_no_secret(Place(f"memory:{tmp_path}", {}))


def deviating(overridden: dict[str, str], **tests: Any) -> StoreContract:
    return type("Deviating", (Memory,), {"overridden": overridden, **tests})()  # type: ignore[no-any-return]


def test_a_deviation_needs_a_reason() -> None:
    """A standard test may be replaced or left out if it is said why, and not otherwise."""
    name = "test_a_larger_tree"
    Memory().test_each_deviation_has_a_reason()
    deviating({name: "there is no room for so many"}, **{name: None}).test_each_deviation_has_a_reason()
    for suite in (
        deviating({}, **{name: None}),
        deviating({name: " "}, **{name: None}),
        deviating({name: "but it is not replaced"}),
        deviating({"test_that_is_not_there": "why not"}),
    ):
        with pytest.raises(AssertionError):
            suite.test_each_deviation_has_a_reason()


def test_a_factory_is_needed(tmp_path: Path) -> None:
    """Without a place there is nothing to test, and that is an error."""
    with pytest.raises(NotImplementedError):
        StoreContract().location(tmp_path)


def test_the_suite_reports_what_it_found(pytester: pytest.Pytester) -> None:
    """Run by pytest in an author's own project, it collects, skips what does not apply, and passes."""
    pytester.makepyfile(
        """
        from signalpy_audit_trail.testing import StoreContract

        class TestMine(StoreContract):
            durable = processes = files = indexed = False
            full_disk = None

            def location(self, tmp_path):
                return f"memory:{tmp_path}"
        """
    )
    result = pytester.runpytest_subprocess("-q", "-k", "checkpoint or reason or disk")
    result.assert_outcomes(passed=3, skipped=3)
