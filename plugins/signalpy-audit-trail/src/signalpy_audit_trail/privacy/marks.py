"""What is to be taken out of the words of an exception, wherever it comes to: remembered with the exception itself.

An operation's failure is often that of an operation inside it, whose rules protect values that the outer one has never
seen. The exception object is the same one.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from signalpy_audit_trail.members import is_a, stored
from signalpy_audit_trail.privacy.masking import Mask

_NAME: Final = "__signalpy_audit_masks__"
_MOST: Final = 20
"""How many masks are remembered with one exception."""
_FOLLOWED: Final = 1000
"""How many exceptions are followed from one; of one that has more behind it, nothing is told."""

_LINKS: Final = tuple(BaseException.__dict__[name].__get__ for name in ("__cause__", "__context__"))
_parts: Final = BaseExceptionGroup.__dict__["exceptions"].__get__


def put(error: BaseException | None, mask: Mask) -> None:
    """Remember that ``mask`` is for the words of ``error``, without running code of it."""
    if error is None or not mask:
        return
    known = _own(error)
    if mask not in known and len(known) < _MOST:
        with suppress(AttributeError, TypeError):
            BaseException.__setattr__(error, _NAME, (*known, mask))


def of(error: BaseException | None) -> tuple[Mask, ...]:
    """What is remembered with ``error``, with those that it came from, and with those that a group is made of."""
    found: dict[Mask, None] = {}
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        if len(seen) >= _FOLLOWED:
            return (Mask.everything(),)
        seen.add(id(each))
        found.update(dict.fromkeys(_own(each)))
        waiting += [link(each) for link in _LINKS]
        if is_a(each, BaseExceptionGroup):
            waiting += _parts(each)
    return tuple(found)


def _own(error: BaseException) -> tuple[Mask, ...]:
    known = stored(error, _NAME)
    return known if type(known) is tuple and all(type(mask) is Mask for mask in known) else ()
