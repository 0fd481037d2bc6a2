"""Allow and deny: which distributions and components the operator lets in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from signalpy.configuration import OneStart, PluginSettings
from signalpy.matching import matches
from signalpy.naming import canonical


class Filter:
    """Patterns on canonical distribution names or component names; deny beats allow.

    A pattern also counts in its canonical form, so that ``Signalpy_Legacy`` means ``signalpy-legacy``.
    """

    def __init__(
        self, allow: Iterable[str], deny: Iterable[str], *, without: Iterable[str] = (), safe: bool = False
    ) -> None:
        self._allow = tuple(allow)
        self._deny = tuple(deny)
        self._without = tuple(without)
        self._safe = safe

    @classmethod
    def of(cls, settings: PluginSettings) -> Self:
        """The filter that ``[plugins]`` describes, for one start if it says so."""
        if isinstance(settings, OneStart):
            return cls(settings.allow, settings.deny, without=settings.without, safe=settings.safe)
        return cls(settings.allow, settings.deny)

    def refusal(self, distribution: str, name: str) -> str:
        """Why the component ``name`` of ``distribution`` may not load; empty if it may."""
        return self.denial(distribution, name) or self.omission(distribution, name)

    def denial(self, *names: str) -> str:
        """Which pattern of ``deny``, or of what is left out of this start, matches one of ``names``, in words."""
        pattern = matching(self._without, *names)
        if pattern is not None:
            return f"left out by --without {pattern}"
        pattern = matching(self._deny, *names)
        return f"[plugins] deny has {pattern!r}" if pattern is not None else ""

    def omission(self, *names: str) -> str:
        """That no pattern of ``allow`` matches one of ``names``, in words."""
        if self._safe:
            return "left out by --safe"
        if matching(self._allow, *names) is not None:
            return ""
        return f"[plugins] allow has no pattern for {' or '.join(repr(name) for name in dict.fromkeys(names))}"


def matching(patterns: Iterable[str], *names: str) -> str | None:
    """The first of ``patterns`` that matches one of ``names``, as it stands or in its canonical form."""
    return next(
        (
            pattern
            for pattern in patterns
            if any(matches(name, form) for form in {pattern, canonical(pattern)} for name in names)
        ),
        None,
    )
