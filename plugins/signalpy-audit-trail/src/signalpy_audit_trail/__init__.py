"""An immutable record of who did what and when in a SignalPy application, with no audit code in its components."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from signalpy_audit_trail.component import AuditTrail as AuditTrail
    from signalpy_audit_trail.reader import open_trail as open_trail

_HOME = {"AuditTrail": "signalpy_audit_trail.component", "open_trail": "signalpy_audit_trail.reader"}

__all__ = ["AuditTrail", "open_trail"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """The public names, imported when first used: reading a trail needs no component, and the other way round."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value
