"""Fixtures and a conformance suite for authors of SignalPy plugins.

pytest imports this package in every environment that has it, so the names below are imported when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_signalpy.clock import FrozenTime as FrozenTime
    from pytest_signalpy.contract import PluginContract as PluginContract
    from pytest_signalpy.journal import Invocation as Invocation
    from pytest_signalpy.journal import Invocations as Invocations
    from pytest_signalpy.journal import Published as Published
    from pytest_signalpy.journal import PublishedEvent as PublishedEvent
    from pytest_signalpy.samples import SampleContract as SampleContract
    from pytest_signalpy.trail import AuditTrailView as AuditTrailView

_HOME = {
    "AuditTrailView": "pytest_signalpy.trail",
    "FrozenTime": "pytest_signalpy.clock",
    "Invocation": "pytest_signalpy.journal",
    "Invocations": "pytest_signalpy.journal",
    "PluginContract": "pytest_signalpy.contract",
    "Published": "pytest_signalpy.journal",
    "PublishedEvent": "pytest_signalpy.journal",
    "SampleContract": "pytest_signalpy.samples",
}

__all__ = list(_HOME)
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """The public names, imported when first used."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value
