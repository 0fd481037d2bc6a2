"""Searching by reading every leaf: for stores that are too small to need an index. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from functools import partial

from signalpy_audit_trail import moments
from signalpy_audit_trail.index.rows import Keys, search_keys
from signalpy_audit_trail.query import Filters

_COLUMN = {"type": "action"}
_EQUAL = ("kind", "actor", "caller", "outcome", "correlation_id", "operation_id")
_PATTERNS = ("type", "target")


def search(
    leaves: Sequence[bytes], filters: Filters, *, after: int | None, descending: bool, limit: int
) -> list[bytes]:
    """Return the leaves that pass, as `signalpy_audit_trail.store.StoreReader.search` says, of all that are given."""
    found = [seq for seq, _ in _passing(leaves, filters)]
    if descending:
        found.reverse()
    if after is not None:
        found = [seq for seq in found if (seq < after if descending else seq > after)]
    return [leaves[seq] for seq in found[:limit]]


def count(leaves: Sequence[bytes], filters: Filters, by: str) -> dict[str | None, int]:
    """Count the leaves that pass, as `signalpy_audit_trail.store.StoreReader.count` says, of all that are given."""
    numbers: Counter[str | None] = Counter()
    for _, keys in _passing(leaves, filters):
        if by == "subject":
            subjects: list[str | None] = list(dict.fromkeys(keys.subjects))
            numbers.update(subjects or [None])
        else:
            numbers[_value(keys, by)] += 1
    return dict(numbers)


def passes(filters: Filters) -> Callable[[bytes], bool]:
    """Return what tells of a leaf whether it passes, as far as it tells that alone: ``intents`` asks for others too."""
    checks = list(_checks(filters))

    def test(leaf: bytes) -> bool:
        keys = search_keys(leaf)
        return all(check(keys) for check in checks)

    return test


def _passing(leaves: Sequence[bytes], filters: Filters) -> Iterator[tuple[int, Keys]]:
    everything = [search_keys(leaf) for leaf in leaves]
    answered = {keys.operation_id for keys in everything if keys.outcome not in (None, "intent")} - {None}
    checks = list(_checks(filters))
    if not filters.intents:
        checks.append(lambda keys: keys.outcome != "intent" or keys.operation_id not in answered)
    for seq, keys in enumerate(everything):
        if all(check(keys) for check in checks):
            yield seq, keys


def _checks(filters: Filters) -> Iterator[Callable[[Keys], bool]]:
    for name in _EQUAL:
        wanted = getattr(filters, name)
        if wanted is not None:
            yield partial(_equals, name, wanted)
    for name in _PATTERNS:
        pattern = getattr(filters, name)
        if pattern is not None:
            yield partial(_matches, name, pattern)
    if filters.subject is not None:
        yield lambda keys: filters.subject in keys.subjects
    if filters.since is not None or filters.until is not None:
        yield partial(_within, filters.since, filters.until)


def _value(keys: Keys, name: str) -> str | None:
    value: str | None = getattr(keys, _COLUMN.get(name, name))
    return value


def _equals(name: str, wanted: str, keys: Keys) -> bool:
    return _value(keys, name) == wanted


def _matches(name: str, pattern: str, keys: Keys) -> bool:
    text = _value(keys, name)
    return text is not None and fnmatchcase(text, pattern)


def _within(since: int | None, until: int | None, keys: Keys) -> bool:
    if keys.time is None:
        return False
    time = moments.microseconds(keys.time)
    return (since is None or time >= since) and (until is None or time < until)
