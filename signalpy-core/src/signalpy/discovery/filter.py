"""Allow and deny: which distributions and components the operator lets in."""

from __future__ import annotations

from collections.abc import Iterable

from packaging.utils import canonicalize_name

from signalpy.matching import matches


class Filter:
    """Patterns on canonical distribution names or component names; deny beats allow.

    A pattern also counts in its canonical form, so that ``Signalpy_Legacy`` means ``signalpy-legacy``.
    """

    def __init__(self, allow: Iterable[str], deny: Iterable[str]) -> None:
        self._allow = tuple(allow)
        self._deny = tuple(deny)

    def refusal(self, distribution: str, name: str) -> str:
        """Why the component ``name`` of ``distribution`` may not load; empty if it may."""
        return self.denial(distribution, name) or self.omission(distribution, name)

    def denial(self, *names: str) -> str:
        """Which pattern of ``deny`` matches one of ``names``, in words."""
        pattern = _match(self._deny, names)
        return f"[plugins] deny has {pattern!r}" if pattern is not None else ""

    def omission(self, *names: str) -> str:
        """That no pattern of ``allow`` matches one of ``names``, in words."""
        if _match(self._allow, names) is not None:
            return ""
        return f"[plugins] allow has no pattern for {' or '.join(repr(name) for name in dict.fromkeys(names))}"


def _match(patterns: Iterable[str], names: Iterable[str]) -> str | None:
    known = list(names)
    return next(
        (
            pattern
            for pattern in patterns
            if any(matches(name, form) for form in {pattern, canonicalize_name(pattern)} for name in known)
        ),
        None,
    )
