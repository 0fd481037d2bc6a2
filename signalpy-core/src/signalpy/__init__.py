"""SignalPy: a plugin framework whose kernel finds components that are installed as separate distributions.

The names below are the public face. They are imported when first used, so that a command that reads only metadata
does not pay for the rest.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from signalpy.definition import adopted as adopted
    from signalpy.definition import component as component
    from signalpy.definition import lifecycle as lifecycle
    from signalpy.definition import optional as optional
    from signalpy.definition import provides as provides
    from signalpy.definition import requires as requires
    from signalpy.definition import runnable as runnable
    from signalpy.definition import subscribe as subscribe
    from signalpy.errors import ActorMissing as ActorMissing
    from signalpy.errors import AuditUnavailable as AuditUnavailable
    from signalpy.errors import BootError as BootError
    from signalpy.errors import ComponentUnavailable as ComponentUnavailable
    from signalpy.errors import ConfigError as ConfigError
    from signalpy.errors import DefinitionError as DefinitionError
    from signalpy.errors import HookError as HookError
    from signalpy.errors import InvalidParams as InvalidParams
    from signalpy.errors import LifecycleError as LifecycleError
    from signalpy.errors import OutcomeUnrecorded as OutcomeUnrecorded
    from signalpy.errors import PolicyDenied as PolicyDenied
    from signalpy.errors import PolicyError as PolicyError
    from signalpy.errors import Refused as Refused
    from signalpy.errors import ShuttingDown as ShuttingDown
    from signalpy.errors import SignalPyError as SignalPyError
    from signalpy.errors import TargetNotFound as TargetNotFound
    from signalpy.event import Event as Event
    from signalpy.hookspecs import hookimpl as hookimpl
    from signalpy.kernel import Kernel as Kernel
    from signalpy.operation import Call as Call
    from signalpy.operation import Operation as Operation
    from signalpy.operation import Publication as Publication
    from signalpy.operation import acting_as as acting_as
    from signalpy.runtime import Runtime as Runtime
    from signalpy.schemas import upcast as upcast
    from signalpy.states import PluginInfo as PluginInfo
    from signalpy.states import State as State

_FACE = {
    "signalpy.definition": (
        "adopted",
        "component",
        "lifecycle",
        "optional",
        "provides",
        "requires",
        "runnable",
        "subscribe",
    ),
    "signalpy.errors": (
        "ActorMissing",
        "AuditUnavailable",
        "BootError",
        "ComponentUnavailable",
        "ConfigError",
        "DefinitionError",
        "HookError",
        "InvalidParams",
        "LifecycleError",
        "OutcomeUnrecorded",
        "PolicyDenied",
        "PolicyError",
        "Refused",
        "ShuttingDown",
        "SignalPyError",
        "TargetNotFound",
    ),
    "signalpy.event": ("Event",),
    "signalpy.hookspecs": ("hookimpl",),
    "signalpy.kernel": ("Kernel",),
    "signalpy.operation": ("Call", "Operation", "Publication", "acting_as"),
    "signalpy.runtime": ("Runtime",),
    "signalpy.schemas": ("upcast",),
    "signalpy.states": ("PluginInfo", "State"),
}
_HOME = {name: module for module, names in _FACE.items() for name in names}

__all__ = list(_HOME)
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'signalpy' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
