"""How an operation ended: its outcome, and what is told of an error, without running code of the error. Pure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final
from weakref import ref

from msgspec import Struct

from signalpy.errors import PolicyDenied
from signalpy_audit_trail.encoding import encode, plain, text
from signalpy_audit_trail.fieldpath import Json
from signalpy_audit_trail.members import MISSING, is_a, member, stored
from signalpy_audit_trail.record import CANCELLED, DENIED, FAILURE, SUCCESS

_args: Final[Callable[[BaseException], tuple[Any, ...]]] = BaseException.__dict__["args"].__get__
_name: Final[Callable[[type], str]] = type.__dict__["__name__"].__get__
_OS_PARTS: Final = tuple(OSError.__dict__[name].__get__ for name in ("errno", "strerror", "filename"))
_UNICODE_REASON: Final = 4


class Ending(Struct, frozen=True):
    """How it ended.

    :param error: ``{"type", "message", "by"}``, each where known.
    :param result: what it returned, `MISSING` if it raised.
    :param raised: what it raised, if that is a failure.
    """

    outcome: str
    error: dict[str, Json] | None = None
    result: object = MISSING
    raised: BaseException | None = None


class Denials:
    """The denials that were seen, so that one is told from the failure of those that it passes through on its way out.

    They are known by identity: an exception need not be hashable.
    """

    def __init__(self) -> None:
        self._seen: dict[int, ref[BaseException]] = {}

    def __len__(self) -> int:
        return len(self._seen)

    def is_new(self, error: BaseException) -> bool:
        """Whether ``error`` denies the operation that raises it; it is then known, and denies no other."""
        key = id(error)
        if not is_a(error, PolicyDenied) or key in self._seen:
            return False
        self._seen[key] = ref(error, lambda _: self._seen.pop(key, None))
        return True


def returned(result: object, by: str) -> Ending:
    """The ending of an operation that returned ``result``; one that returns ``{"error": …}`` has failed.

    An ``error`` that is ``None`` or ``False`` says that there is none.
    """
    error = member(result, "error")
    if error is MISSING or error is None or error is False:
        return Ending(SUCCESS, result=result)
    return Ending(FAILURE, told(error, by), result)


def raised(error: BaseException, by: str, *, denied: bool = False) -> Ending:
    """The ending of an operation that raised.

    :param by: the component that it was asked of.
    :param denied: whether the error is the denial of this operation; then ``by`` is the rule, if one is named.
    """
    if is_a(error, asyncio.CancelledError):
        return Ending(CANCELLED)
    if denied:
        rule = stored(error, "rule")
        return Ending(DENIED, told(error, text(rule) if is_a(rule, str) else by), raised=error)
    return Ending(FAILURE, told(error, by), raised=error)


def told(error: object, by: str) -> dict[str, Json]:
    """What is stored of an error: an exception, a mapping with ``type`` or ``message``, a text, or any other value."""
    if is_a(error, BaseException):
        known: dict[str, Json] = {"type": text(_name(type(error))), "message": message(error)}  # type: ignore[arg-type]
    else:
        value = plain(error).value
        parts = value if isinstance(value, dict) and ("type" in value or "message" in value) else {"message": value}
        known = {name: _worded(parts.get(name)) for name in ("type", "message", "by")}
    known["by"] = known.get("by") or by
    return {name: known[name] for name in ("type", "message", "by") if known.get(name)}


def message(error: BaseException) -> str:
    """The text of an exception's arguments. Not ``str(error)``, which may run anything and show the repr of values."""
    args = _args(error)
    if is_a(error, OSError) and len(args) > 1:
        number, reason, name = (_worded(plain(part(error)).value) for part in _OS_PARTS)
        return f"[Errno {number}] {reason}" + (f": {name}" if name else "")
    if is_a(error, UnicodeError) and len(args) > _UNICODE_REASON:
        args = args[_UNICODE_REASON:]
    if len(args) > 1 and is_a(error, BaseExceptionGroup):
        args = args[:1]
    if not args:
        return ""
    return _worded(plain(args[0] if len(args) == 1 else args).value) or ""


def _worded(value: Json) -> str | None:
    return value if value is None or isinstance(value, str) else encode(value).decode()
