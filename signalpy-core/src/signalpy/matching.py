"""Names and patterns, and an index that finds patterns by name.

Patterns have ``fnmatch`` semantics, case-sensitive on every platform: ``account.*`` matches ``account.closed`` and
``account.a.b``; ``*`` matches everything.
"""

from __future__ import annotations

import fnmatch
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Generic, TypeVar

T = TypeVar("T")

_MAGIC = frozenset("*?[")
_WILD = re.compile(r"\[!?+\]?+[^]]*\]|[*?]")  # possessive: in "[]" the bracket is a member, so nothing closes the set


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> Callable[[str], object | None]:
    return re.compile(fnmatch.translate(pattern)).match


def is_pattern(text: str) -> bool:
    """Whether ``text`` has a wildcard, so that it can match more than itself."""
    return not _MAGIC.isdisjoint(text)


def matches(name: str, pattern: str) -> bool:
    """Whether ``pattern`` matches the whole of ``name``, as ``fnmatch.fnmatchcase`` does."""
    return name == pattern if not is_pattern(pattern) else _compiled(pattern)(name) is not None


def matches_any(name: str, patterns: Iterable[str]) -> str | None:
    """The first of ``patterns`` that matches ``name``, or ``None``."""
    return next((pattern for pattern in patterns if matches(name, pattern)), None)


def literal_length(pattern: str) -> int:
    """How many characters of ``pattern`` stand for themselves; a ``[…]`` set counts as none."""
    return len(_WILD.sub("", pattern))


def literal_start(pattern: str) -> str:
    """The part of ``pattern`` before its first wildcard: every name that it matches begins with it."""
    return next((pattern[:place] for place, char in enumerate(pattern) if char in _MAGIC), pattern)


def nearest(name: str, known: Iterable[str], *, most: int = 3) -> list[str]:
    """Up to ``most`` known names that look like ``name``, the closest first."""
    import difflib  # only a mistake needs it

    return difflib.get_close_matches(name, list(known), n=most, cutoff=0.6)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``" Did you mean 'a' or 'b'?"``, or nothing where no name comes near."""
    near = nearest(name, known)
    return f" Did you mean {' or '.join(repr(item) for item in near)}?" if near else ""


class PatternIndex(Generic[T]):
    """Values filed under patterns, found by name in the order in which they were given.

    Exact names and ``literal*`` patterns are found by look-up, so the cost of a name does not grow with their number;
    any other pattern is tried.
    """

    def __init__(self, items: Iterable[tuple[str, T]] = ()) -> None:
        self._exact: dict[str, list[tuple[int, T]]] = {}
        self._prefixed: dict[str, list[tuple[int, T]]] = {}
        self._general: list[tuple[int, Callable[[str], object | None], T]] = []
        for place, (pattern, value) in enumerate(items):
            self._file(place, pattern, value)
        self._prefixes = sorted(self._prefixed)
        self._outer = _enclosing(self._prefixes)
        self._values: dict[str, tuple[T, ...]] = {}

    def _file(self, place: int, pattern: str, value: T) -> None:
        if not is_pattern(pattern):
            self._exact.setdefault(pattern, []).append((place, value))
        elif pattern.endswith("*") and not is_pattern(pattern[:-1]):
            self._prefixed.setdefault(pattern[:-1], []).append((place, value))
        else:
            self._general.append((place, _compiled(pattern), value))

    def find(self, name: str) -> tuple[T, ...]:
        """Every value whose pattern matches ``name``, in the order given."""
        prefix = self._longest_prefix(name)
        exact = self._exact.get(name)
        general = [(place, value) for place, match, value in self._general if match(name)] if self._general else None
        if exact is None and not general:
            return self._known_under(prefix)
        return _in_order([*self._under(prefix), *(exact or ()), *(general or ())])

    def _longest_prefix(self, name: str) -> str | None:
        """The longest of the prefixes with which ``name`` begins.

        The last one that does not sort behind the name is it, or begins with it.
        """
        at = bisect_right(self._prefixes, name)
        prefix = self._prefixes[at - 1] if at else None
        while prefix is not None and not name.startswith(prefix):
            prefix = self._outer[prefix]
        return prefix

    def _under(self, prefix: str | None) -> list[tuple[int, T]]:
        """What is filed under a prefix, and under all others with which that one begins."""
        found: list[tuple[int, T]] = []
        while prefix is not None:
            found += self._prefixed[prefix]
            prefix = self._outer[prefix]
        return found

    def _known_under(self, prefix: str | None) -> tuple[T, ...]:
        """The values of these in order: one tuple for all names that lead there."""
        if prefix is None:
            return ()
        if prefix not in self._values:
            self._values[prefix] = _in_order(self._under(prefix))
        return self._values[prefix]


def _enclosing(prefixes: Sequence[str]) -> dict[str, str | None]:
    """For each of the sorted ``prefixes`` the longest other one with which it begins."""
    found: dict[str, str | None] = {}
    path: list[str] = []
    for prefix in prefixes:
        while path and not prefix.startswith(path[-1]):
            path.pop()
        found[prefix] = path[-1] if path else None
        path.append(prefix)
    return found


def _in_order(items: list[tuple[int, T]]) -> tuple[T, ...]:
    return tuple([value for _, value in sorted(items, key=_place)])


def _place(item: tuple[int, object]) -> int:
    return item[0]
