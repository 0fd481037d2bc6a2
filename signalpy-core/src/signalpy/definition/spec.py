"""The records that describe a component, and how they are read from its class."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, partialmethod, singledispatchmethod
from typing import Any, Final

from signalpy.errors import DefinitionError
from signalpy.hookspecs import INVOKE, OPTIONS, PUBLISH, RECORD, HookOptions

MARKS: Final = "__signalpy_marks__"
DECLARED: Final = "__signalpy_component__"
SPEC: Final = "__signalpy_spec__"


@dataclass(frozen=True, slots=True)
class RunnableSpec:
    """A method that can be called over the bus as ``component.name``."""

    name: str
    method: str
    params: Any
    description: str
    thread: bool
    is_async: bool
    takes_params: bool


@dataclass(frozen=True, slots=True)
class SubscriptionSpec:
    """A method that takes events whose type matches ``pattern``. ``event_class`` is set for typed subscriptions."""

    pattern: str
    method: str
    description: str
    background: bool
    is_async: bool
    takes_event: bool
    event_class: Any = None


@dataclass(frozen=True, slots=True)
class StageSpec:
    """A lifecycle method."""

    stage: str
    method: str
    is_async: bool


@dataclass(frozen=True, slots=True)
class HookSpec:
    """A hook implementation."""

    hook: str
    method: str
    options: HookOptions


@dataclass(frozen=True, slots=True)
class Requirement:
    """A service that is injected as ``rt.<attr>``: one provider of ``contract``, or all of them."""

    attr: str
    contract: str
    optional: bool = False
    many: bool = False


@dataclass(frozen=True, slots=True)
class Dependency:
    """Another component that must be active first. ``specifier`` (PEP 440, may be empty) limits its version."""

    name: str
    specifier: str = ""


@dataclass(frozen=True, slots=True)
class ComponentSpec:
    """All that a component class declares."""

    cls: type
    name: str
    version: str
    depends: tuple[Dependency, ...] = ()
    settings: Any = None
    emits: tuple[str, ...] = ()
    exclusive: bool = False
    provides: tuple[str, ...] = ()
    requires: tuple[Requirement, ...] = ()
    runnables: tuple[RunnableSpec, ...] = ()
    subscriptions: tuple[SubscriptionSpec, ...] = ()
    stages: dict[str, StageSpec] = field(default_factory=dict)
    hooks: tuple[HookSpec, ...] = ()
    description: str = ""

    @property
    def rings(self) -> bool:
        """Whether it stands around operations of others, as a recorder or an interceptor."""
        return any(hook.hook in (RECORD, INVOKE, PUBLISH) for hook in self.hooks)


@dataclass(slots=True)
class Declaration:
    """What the class decorators have recorded so far; kept on the class itself."""

    component: dict[str, Any] | None = None
    provides: list[str] = field(default_factory=list)
    requires: dict[str, Requirement] = field(default_factory=dict)


def declaration(cls: type) -> Declaration:
    """The class's own declaration, made when first asked for.

    :raises DefinitionError: for what is no class.
    """
    if not isinstance(cls, type):
        where = getattr(cls, "__qualname__", type(cls).__name__)
        raise DefinitionError(
            f"{where}: it is no class but a {type(cls).__name__}. Put the decorator on a class.",
            component=None,
            method=None,
        )
    if DECLARED not in cls.__dict__:
        setattr(cls, DECLARED, Declaration())
    own: Declaration = cls.__dict__[DECLARED]
    return own


def spec_of(cls: type) -> ComponentSpec:
    """Everything that ``cls`` declares.

    :raises DefinitionError: if the class bears no ``@component`` of its own.
    """
    if not isinstance(cls, type):
        raise DefinitionError(
            f"expected a component class, found {type(cls).__name__}. Give the class itself, not an instance.",
            component=None,
            method=None,
        )
    if SPEC not in cls.__dict__:
        setattr(cls, SPEC, _read(cls))
    spec: ComponentSpec = cls.__dict__[SPEC]
    return spec


def _read(cls: type) -> ComponentSpec:
    own = cls.__dict__.get(DECLARED)
    if own is None or own.component is None:
        raise DefinitionError(
            f'{cls.__qualname__} is no component. Put @component("name", version="1.0") above the class.',
            component=cls.__name__,
            method=None,
        )
    provides: list[str] = []
    requires: dict[str, Requirement] = {}
    for base in reversed(cls.__mro__):
        declared = base.__dict__.get(DECLARED)
        if declared is not None:
            provides += [contract for contract in declared.provides if contract not in provides]
            requires.update(declared.requires)
    return ComponentSpec(
        cls=cls,
        **own.component,
        provides=tuple(provides),
        requires=tuple(requires.values()),
        **read_methods(cls),
        description=cls.__doc__.strip().partition("\n")[0] if isinstance(cls.__doc__, str) else "",
    )


def read_methods(cls: type) -> dict[str, Any]:
    """What the marked methods of ``cls`` declare, bases first, in the order in which they are written.

    :raises DefinitionError: for two runnables of one name, for two methods of one lifecycle stage, and for a marked
        function that is no plain method of the class.
    """
    runnables: dict[str, RunnableSpec] = {}
    stages: dict[str, StageSpec] = {}
    subscriptions: list[SubscriptionSpec] = []
    hooks: list[HookSpec] = []
    for name, member in _members(cls):
        for mark in getattr(member, MARKS, ()):
            mark = replace(mark, method=name)  # noqa: PLW2901 - the function's own name may be another: a wrapper, a lambda
            if isinstance(mark, RunnableSpec):
                _once(cls, runnables, mark.name, mark, fix="Give one of the runnables another name")
            elif isinstance(mark, StageSpec):
                _once(cls, stages, mark.stage, mark, fix="Keep one of the lifecycle methods")
            else:
                subscriptions.append(mark)
        options = getattr(member, OPTIONS, None)
        if isinstance(options, HookOptions):
            hooks.append(HookSpec(name, name, options))
    return {
        "runnables": tuple(runnables.values()),
        "subscriptions": tuple(subscriptions),
        "stages": stages,
        "hooks": tuple(hooks),
    }


def _once(cls: type, table: dict[str, Any], key: str, mark: Any, *, fix: str) -> None:
    if key in table:
        first, second = table[key].method, mark.method
        raise DefinitionError(
            f"{cls.__qualname__}.{second}: {key!r} is declared already by {cls.__qualname__}.{first}. {fix}.",
            component=cls.__name__,
            method=second,
        )
    table[key] = mark


def _members(cls: type) -> Iterator[tuple[str, Any]]:
    """Every method once, in order of its first writing, as the class resolves it; without running any descriptor."""
    names = dict.fromkeys(name for base in reversed(cls.__mro__) for name in base.__dict__)
    for name in names:
        owner = next(base for base in cls.__mro__ if name in base.__dict__)
        member = owner.__dict__[name]
        inner = wrapped(member)
        if inner is not member and (hasattr(inner, MARKS) or hasattr(inner, OPTIONS)):
            raise DefinitionError(
                f"{cls.__qualname__}.{name}: a {type(member).__name__} hides what is declared under it. Make it a plain"
                " method.",
                component=cls.__name__,
                method=name,
            )
        if callable(member) and not isinstance(member, type):
            yield name, member


def wrapped(member: Any) -> Any:
    """The function inside of a static or class method, a property or the like; ``member`` itself if it is none."""
    if isinstance(member, staticmethod | classmethod):
        return member.__func__
    if isinstance(member, property):
        return member.fget
    return member.func if isinstance(member, cached_property | partialmethod | singledispatchmethod) else member
