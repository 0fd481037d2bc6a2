"""Names and patterns, and an index that finds patterns by name.

Patterns have ``fnmatch`` semantics, case-sensitive on every platform: ``account.*`` matches ``account.closed`` and
``account.a.b``; ``*`` matches everything.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable
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
        self._prefix: dict[str, list[tuple[int, T]]] = {}
        self._general: list[tuple[int, Callable[[str], object | None], T]] = []
        for place, (pattern, value) in enumerate(items):
            self._file(place, pattern, value)
        self._lengths = sorted({len(prefix) for prefix in self._prefix})

    def _file(self, place: int, pattern: str, value: T) -> None:
        if not is_pattern(pattern):
            self._exact.setdefault(pattern, []).append((place, value))
        elif pattern.endswith("*") and not is_pattern(pattern[:-1]):
            self._prefix.setdefault(pattern[:-1], []).append((place, value))
        else:
            self._general.append((place, _compiled(pattern), value))

    def find(self, name: str) -> list[T]:
        """Every value whose pattern matches ``name``, in the order given."""
        found = list(self._exact.get(name, ()))
        size = len(name)
        for length in self._lengths:
            if length > size:
                break
            found += self._prefix.get(name[:length], ())
        found += [(place, value) for place, match, value in self._general if match(name)]
        found.sort(key=_place)
        return [value for _, value in found]


def _place(item: tuple[int, object]) -> int:
    return item[0]
