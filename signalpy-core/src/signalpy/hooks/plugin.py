"""One object that implements hooks, checked before it is registered."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from math import inf
from types import SimpleNamespace
from typing import Any, Final

from signalpy import hookspecs
from signalpy.errors import HookError
from signalpy.hookspecs import NOTICES, OPTIONS, RECORD, RINGS, HookOptions
from signalpy.isolation import INTERCEPTORS, NOTHING, HookSettings, Isolation
from signalpy.matching import did_you_mean, matches_any

STOPS: Final = ("raise", "deny")
"""Values of ``on_error`` that an author gives where a failure must stop the operation; else he leaves it out."""

ARGUMENTS: Final = {name: tuple(inspect.signature(getattr(hookspecs, name)).parameters) for name in (*RINGS, *NOTICES)}


@dataclass(eq=False, slots=True)
class Implementation:
    """One hook implementation.

    :param options: what counts.
    :param authored: what its author said, where the operator has it otherwise.
    :param passed_over: how often it failed and the operation went on without it.
    :param distribution: the one that it came with; ``None`` for what was given by hand.
    :param place: where its plugin stands in the order of registration.
    :param takes: the arguments that it takes, in its own order.
    :param owner: the component instance's record that it belongs to; ``None`` for an object that was registered by
        hand.
    """

    hook: str
    function: Callable[..., Any]
    options: HookOptions
    plugin: str
    version: str
    takes: tuple[str, ...]
    owner: Any = None
    place: int = 0
    distribution: str | None = None
    authored: HookOptions | None = None
    passed_over: int = 0

    @property
    def weakened(self) -> bool:
        """Whether its author says that its failure stops the operation, and the operator that it does not."""
        return self.authored is not None and self.authored.on_error in STOPS and self.options.on_error not in STOPS

    def covers(self, name: str) -> bool:
        """Whether it stands around operations on a target, or of an event type."""
        targets = self.options.targets
        return targets == ("*",) or matches_any(name, targets) is not None

    @property
    def source(self) -> str:
        """Whose it is: name, version, and the distribution, where there is one."""
        told = f"{self.plugin} {self.version}".rstrip()
        return f"{told} of {self.distribution}" if self.distribution else told

    def __str__(self) -> str:
        return f"{self.source} ({self.hook})"


@dataclass(eq=False, slots=True)
class Plugin:
    """All hook implementations of one object, ready to be registered under ``name``."""

    name: str
    subject: object
    implementations: tuple[Implementation, ...]
    holder: SimpleNamespace = field(default_factory=SimpleNamespace)
    place: int = 0

    @property
    def records(self) -> bool:
        """Whether a recorder is among them."""
        return any(item.hook == RECORD for item in self.implementations)


def plugin_of(
    subject: object,
    name: str,
    *,
    hooks: Iterable[tuple[str, HookOptions]],
    version: str = "",
    owner: Any = None,
    distribution: str | None = None,
) -> Plugin:
    """Checks every implementation of ``subject``.

    :param hooks: method names and what ``@hookimpl`` was given.
    :raises HookError: for an unknown hook, wrong arguments, ``def`` where ``async def`` is needed or the other way
        round.
    """
    made = tuple(
        Implementation(
            hook,
            getattr(subject, hook),
            options,
            name,
            version,
            _takes(subject, name, version, hook, options),
            owner,
            distribution=distribution,
        )
        for hook, options in hooks
    )
    holder = SimpleNamespace(**{item.hook: item.function for item in made})
    return Plugin(name, subject, made, holder)


def hooks_of(subject: object) -> list[tuple[str, HookOptions]]:
    """The marked methods of a plain object, found without running any property."""
    names = dict.fromkeys([*vars(subject)] if hasattr(subject, "__dict__") else [])
    for base in reversed(type(subject).__mro__):
        names.update(dict.fromkeys(base.__dict__))
    found = ((name, getattr(inspect.getattr_static(subject, name, None), OPTIONS, None)) for name in names)
    return [(name, options) for name, options in found if isinstance(options, HookOptions)]


def overridden(item: Implementation, said: HookSettings | None, *, records: bool = False) -> Implementation:
    """The same implementation as the operator has it.

    :param records: its component records. No failure of that is passed over, so that part of his word is left out.
    """
    author = item.authored or item.options
    ours = said.of(item.hook) if said is not None and item.hook in INTERCEPTORS else NOTHING
    if records and ours.on_error == "isolate":
        ours = Isolation(None, ours.timeout)
    if ours == NOTHING:
        return item if item.authored is None else replace(item, options=author, authored=None)
    timeout = author.timeout if ours.timeout is None else ours.timeout
    options = replace(author, on_error=ours.on_error or author.on_error, timeout=timeout if timeout != inf else None)
    return replace(item, options=options, authored=author)


def _takes(subject: object, plugin: str, version: str, hook: str, options: HookOptions) -> tuple[str, ...]:
    """The arguments that an implementation takes, if it is right."""
    where = f"{f'{plugin} {version}'.rstrip()}: {type(subject).__name__}.{hook}"
    evidence = {"plugin": plugin, "hook": hook}
    if hook not in ARGUMENTS:
        hint = did_you_mean(hook, ARGUMENTS) or f" Known hooks: {', '.join(ARGUMENTS)}."
        raise HookError(f"{where}: there is no such hook.{hint}", **evidence)
    known = ARGUMENTS[hook]
    function = getattr(subject, hook)
    parameters = inspect.signature(function).parameters
    takes = tuple(parameters)
    stray = [argument for argument in takes if argument not in known]
    if stray:
        raise HookError(f"{where}: unknown argument {stray[0]!r}. It may take {', '.join(known)}.", **evidence)
    odd = [item.name for item in parameters.values() if item.kind is not item.POSITIONAL_OR_KEYWORD]
    if odd:
        raise HookError(
            f"{where}: argument {odd[0]!r} can be given in one way only. Leave out the * or / beside it.", **evidence
        )
    is_async = inspect.iscoroutinefunction(function)
    if hook in RINGS:
        if not is_async:
            raise HookError(f"{where}: a ring must be async. Write async def.", **evidence)
        if "proceed" not in takes:
            raise HookError(
                f"{where}: it does not take proceed. Write ({known[0]}, proceed) and await proceed().", **evidence
            )
    elif is_async:
        raise HookError(f"{where}: a notice is not awaited. Write def.", **evidence)
    if hook == RECORD and (options.targets != ("*",) or options.on_error is not None or options.timeout is not None):
        raise HookError(
            f"{where}: a recorder sees everything and takes no targets, on_error or timeout. Remove them.", **evidence
        )
    return takes
