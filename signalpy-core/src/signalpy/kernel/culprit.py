"""Whose code it is that a thread runs: found in its stack, and told without any value.

The stack of an event loop's thread holds all that is awaited in the step that it runs, the innermost first. So the
first frame there that belongs to a component is the one to name, however deep calls and events are nested.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any, Final

from msgspec import Struct

from signalpy.definition import ComponentSpec
from signalpy.hooks import Implementation

STEP: Final[CodeType] = asyncio.Handle._run.__code__
"""What asyncio's own loop runs every step in."""

WRAPPED: Final = 16
"""How many decorators deep a function is looked for."""


class Culprit(Struct, frozen=True):
    """Who was found.

    :param component: its name, or that of the registered object; ``None`` if the code is that of none.
    :param what: ``"runnable orders.place"``, ``"hook signalpy_invoke"``, …; empty if it is other code of the component.
    :param operation: target or event type of the operation that it is done in, if it is one.
    :param line: where the component's own code stands: module, line and function.
    :param innermost: where the whole stack stands, which is the same, or in what that line calls.
    """

    component: str | None
    version: str
    distribution: str | None
    what: str
    operation: str | None
    line: str
    innermost: str

    def __str__(self) -> str:
        if self.component is None:
            who = "code of no component of this kernel"
        else:
            who = f"{self.component} {self.version}".rstrip()
            who = f"{who} of {self.distribution}" if self.distribution else who
        told = f"{who} ({self.what})" if self.what else who
        told = f"{told} during {self.operation}" if self.operation and self.operation not in self.what else told
        return f"{told} at {self.line}" + (f", which is in {self.innermost}" if self.innermost != self.line else "")


@dataclass(frozen=True, slots=True, eq=False)
class Owner:
    """Whose code something is; ``cls`` tells apart those that share it."""

    name: str
    version: str
    distribution: str | None
    cls: type


@dataclass(frozen=True, slots=True)
class Role:
    """What a function is to its owner; ``what`` is empty if it is nothing in particular."""

    owner: Owner
    what: str = ""


class Codes:
    """The code of components and registered objects, to be recognised in a stack."""

    def __init__(self) -> None:
        self._roles: dict[CodeType, list[Role]] = {}
        self._modules: dict[str, set[Owner]] = {}

    def add(self, spec: ComponentSpec, version: str, distribution: str | None) -> None:
        """Takes in the code of a component: what it declares, its other methods, and its modules.

        The modules of an installed one are all of the package in which its class is; else just that of the class.
        """
        owner = Owner(spec.name, version, distribution, spec.cls)
        for method, what in _declared(spec):
            self._note(getattr(spec.cls, method, None), Role(owner, what))
        plain = Role(owner)
        for base in spec.cls.__mro__[:-1]:
            for member in vars(base).values():
                self._note(member, plain)
        module = spec.cls.__module__
        package = module.rpartition(".")[0]
        prefix = package if distribution and package and package != __name__.partition(".")[0] else module
        self._modules.setdefault(prefix, set()).add(owner)

    def add_hook(self, item: Implementation) -> None:
        """Takes in a hook implementation, which may be that of an object that was registered by hand."""
        subject = getattr(item.function, "__self__", None)
        owner = Owner(item.plugin, item.version, item.distribution, type(subject))
        self._note(item.function, Role(owner, f"hook {item.hook}"))

    def find(self, innermost: FrameType) -> tuple[Role, FrameType] | None:
        """The role of what runs and the innermost frame of its owner; functions that are known go before modules."""
        return _first(innermost, self._known) or _first(innermost, self._housed)

    def _note(self, member: Any, role: Role) -> None:
        for code in _codes(member):
            roles = self._roles.setdefault(code, [])
            if all(held.owner is not role.owner for held in roles):
                roles.append(role)

    def _known(self, frame: FrameType) -> Role | None:
        roles = self._roles.get(frame.f_code, [])
        if len(roles) < 2:
            return roles[0] if roles else None
        # Code that several components share, of a common base or of what adopts objects: whose it is the first argument
        # tells. No other value of a frame is ever looked at.
        names = frame.f_code.co_varnames
        cls = type(frame.f_locals.get(names[0])) if names else None
        return next((role for role in roles if role.owner.cls is cls), None)

    def _housed(self, frame: FrameType) -> Role | None:
        module = str(frame.f_globals.get("__name__", ""))
        while module:
            owners = self._modules.get(module, set())
            if owners:
                return Role(next(iter(owners))) if len(owners) == 1 else None
            module = module.rpartition(".")[0]
        return None


def place(frame: FrameType) -> str:
    """Module, line and function of a frame."""
    return f"{frame.f_globals.get('__name__', '?')}:{frame.f_lineno or '?'} in {frame.f_code.co_qualname}"


def step_of(innermost: FrameType) -> FrameType | None:
    """The frame in which asyncio's own loop runs a step; ``None`` while it waits, and in a loop of another make."""
    return next((frame for frame in _outward(innermost) if frame.f_code is STEP), None)


def _first(innermost: FrameType, role_of: Callable[[FrameType], Role | None]) -> tuple[Role, FrameType] | None:
    """The innermost role, made more precise by what the same owner's code was called by."""
    found: tuple[Role, FrameType] | None = None
    for frame in _outward(innermost):
        role = role_of(frame)
        if role is None:
            continue
        if found is not None and role.owner is not found[0].owner:
            break
        found = (role, found[1] if found is not None else frame)
        if role.what:
            break
    return found


def _outward(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _declared(spec: ComponentSpec) -> Iterable[tuple[str, str]]:
    yield from ((item.method, f"runnable {spec.name}.{item.name}") for item in spec.runnables)
    yield from ((item.method, f"subscriber of {item.pattern}") for item in spec.subscriptions)
    yield from ((item.method, f"hook {item.hook}") for item in spec.hooks)
    yield from ((item.method, f"lifecycle method {stage}") for stage, item in spec.stages.items())


def _codes(member: Any) -> Iterator[CodeType]:
    """The code of a method, and of what its decorators wrap."""
    member = member.fget if isinstance(member, property) else member
    for _ in range(WRAPPED):
        if not inspect.isroutine(member):
            return
        function = getattr(member, "__func__", member)
        code = getattr(function, "__code__", None)
        if isinstance(code, CodeType):
            yield code
        member = getattr(function, "__wrapped__", None)
