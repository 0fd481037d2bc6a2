"""The kernel, and everything that a component or an application needs beside it."""

from signalpy.definition import adopted, component, lifecycle, optional, provides, requires, runnable, subscribe
from signalpy.errors import (
    ActorMissing,
    AuditUnavailable,
    BootError,
    ComponentUnavailable,
    ConfigError,
    DefinitionError,
    HookError,
    InvalidParams,
    LifecycleError,
    OutcomeUnrecorded,
    PolicyDenied,
    PolicyError,
    Refused,
    ShuttingDown,
    SignalPyError,
    TargetNotFound,
)
from signalpy.event import Event
from signalpy.hookspecs import hookimpl
from signalpy.kernel.kernel import Kernel
from signalpy.operation import Call, Operation, Publication, acting_as
from signalpy.runtime import Runtime
from signalpy.schemas import upcast
from signalpy.states import PluginInfo, State

__all__ = [
    "ActorMissing",
    "AuditUnavailable",
    "BootError",
    "Call",
    "ComponentUnavailable",
    "ConfigError",
    "DefinitionError",
    "Event",
    "HookError",
    "InvalidParams",
    "Kernel",
    "LifecycleError",
    "Operation",
    "OutcomeUnrecorded",
    "PluginInfo",
    "PolicyDenied",
    "PolicyError",
    "Publication",
    "Refused",
    "Runtime",
    "ShuttingDown",
    "SignalPyError",
    "State",
    "TargetNotFound",
    "acting_as",
    "adopted",
    "component",
    "hookimpl",
    "lifecycle",
    "optional",
    "provides",
    "requires",
    "runnable",
    "subscribe",
    "upcast",
]
