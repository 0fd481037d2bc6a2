"""What a value stores, read without running any of its code: no property, no ``__getattr__``, no method of its own.

The trail is handed values of other people's classes while it stands in their way; a property that raises or blocks must
neither stop the log nor the operation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any, Final, cast

MISSING: Final = object()
"""What `stored` gives for a name under which nothing is kept."""

lineage: Final[Callable[[type], tuple[type, ...]]] = type.__dict__["__mro__"].__get__
"""The method resolution order of a class, also where its metaclass would answer something else."""

_namespace: Final[Callable[[type], Mapping[str, Any]]] = type.__dict__["__dict__"].__get__
_module: Final[Callable[[type], Any]] = type.__dict__["__module__"].__get__
_qualname: Final[Callable[[type], str]] = type.__dict__["__qualname__"].__get__


def is_a(value: object, *classes: type) -> bool:
    """``isinstance``, but for a ``__class__`` that the value makes up. ``classes`` are plain ones, no abstract ones."""
    return issubclass(type(value), classes)


def member(value: object, key: str) -> Any:
    """What a dict, also one of a subclass, holds under ``key``; `MISSING` for anything else."""
    return dict.get(cast("dict[str, Any]", value), key, MISSING) if is_a(value, dict) else MISSING


def class_name(cls: type) -> str:
    """``"module.Class"``, as far as the class tells its module by a text."""
    module, name = _module(cls), str.__str__(_qualname(cls))
    return f"{str.__str__(module)}.{name}" if is_a(module, str) else name


def declared(cls: type, name: str) -> bool:
    """Whether this very class, not one that it inherits from, has an attribute of that name."""
    return name in _namespace(cls)


def stored(value: object, name: str) -> Any:
    """What ``value`` keeps under ``name`` in its instance dictionary, in a slot, or on its class; else `MISSING`.

    An attribute of the class is given as it stands there: a property is the property itself.
    """
    own = _instance_dict(value)
    if own is not None and (found := dict.get(own, name, MISSING)) is not MISSING:
        return found
    for cls in lineage(type(value)):
        found = _namespace(cls).get(name, MISSING)
        if type(found) is MemberDescriptorType:
            return _slot(found, value)
        if found is not MISSING:
            return found
    return MISSING


def _slot(descriptor: MemberDescriptorType, value: object) -> Any:
    try:
        return descriptor.__get__(value)
    except AttributeError:
        return MISSING


def _instance_dict(value: object) -> dict[str, Any] | None:
    for cls in lineage(type(value)):
        found = _namespace(cls).get("__dict__")
        if found is not None:
            own = found.__get__(value) if type(found) is GetSetDescriptorType else None
            return own if is_a(own, dict) else None
    return None
