"""A derived index of a log in SQLite: positions and search keys, never payload. It may lag, and may be thrown away.

The names are loaded when first used: who checks an index does not pay for those who ask it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from signalpy_audit_trail.index.answers import Place
    from signalpy_audit_trail.index.check import WHOLE, check_index, compare_index, parts_in, parts_of
    from signalpy_audit_trail.index.index import Index, Known, Log

__all__ = ["WHOLE", "Index", "Known", "Log", "Place", "check_index", "compare_index", "parts_in", "parts_of"]

_PLACES = {"Place": "answers", "Index": "index", "Known": "index", "Log": "index"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PLACES.get(name, 'check')}"), name)
