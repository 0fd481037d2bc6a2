"""What a component says of itself: the decorators that record it and the records that they make.

Decorators only record and validate; nothing is registered and nothing runs until a kernel takes the class.
"""

from signalpy.definition.adoption import adopted
from signalpy.definition.decorators import component, optional, provides, requires
from signalpy.definition.marks import lifecycle, runnable, subscribe
from signalpy.definition.spec import (
    ComponentSpec,
    Dependency,
    HookSpec,
    Requirement,
    RunnableSpec,
    StageSpec,
    SubscriptionSpec,
    spec_of,
)

__all__ = [
    "ComponentSpec",
    "Dependency",
    "HookSpec",
    "Requirement",
    "RunnableSpec",
    "StageSpec",
    "SubscriptionSpec",
    "adopted",
    "component",
    "lifecycle",
    "optional",
    "provides",
    "requires",
    "runnable",
    "spec_of",
    "subscribe",
]
