"""Discovery: what installed distributions offer, decided from their metadata alone; nothing of a plugin is imported.

``scan`` reads the metadata once and gives every candidate with its state and reason. Only ``Candidate.load`` imports.
The names below are imported when first used: the command line reads metadata without deciding on components.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from signalpy.discovery.candidate import Candidate as Candidate
    from signalpy.discovery.decision import Discovery as Discovery
    from signalpy.discovery.decision import extensions as extensions
    from signalpy.discovery.decision import scan as scan
    from signalpy.discovery.entry import Entry as Entry
    from signalpy.discovery.entry import LoadError as LoadError

_HOME = {
    "Candidate": "candidate",
    "Discovery": "decision",
    "Entry": "entry",
    "LoadError": "entry",
    "extensions": "decision",
    "scan": "decision",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'signalpy.discovery' has no attribute {name!r}")
    value = getattr(import_module(f"signalpy.discovery.{_HOME[name]}"), name)
    globals()[name] = value
    return value
