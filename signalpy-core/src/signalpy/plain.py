"""Values of any kind as JSON can hold them, and as a terminal can show them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

TEXTUAL: Final = ("ipaddress", "pathlib", "pathlib._local")
"""Modules whose values are what their text says; the last is where Python 3.13 has paths."""


def plain_of(value: Any) -> Any:
    """``value`` as JSON can hold it.

    Models, dataclasses, dates, decimals, paths, IP addresses and the like become what their fields or their text say;
    NaN and infinities become texts; anything else becomes ``{"$type": "module.Class"}``, never its repr.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {key if isinstance(key, str) else str(key): plain_of(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain_of(item) for item in value]
    return plain_of(_builtin(value))


def printable(value: Any) -> str:
    """``value`` as text in which nothing commands a terminal: what is not printable is escaped; ``-`` for ``None``."""
    if value is None:
        return "-"
    text = value if isinstance(value, str) else str(value)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)


def _builtin(value: Any) -> Any:
    import msgspec

    if hasattr(type(value), "model_dump"):
        return value.model_dump()
    try:
        return msgspec.to_builtins(value)
    except (TypeError, ValueError, msgspec.MsgspecError):
        kind = type(value)
        if any(base.__module__ in TEXTUAL for base in kind.__mro__):
            return str(value)
        return {"$type": f"{kind.__module__}.{kind.__qualname__}"}
