"""The hooks: every one that the kernel calls, when it fires, and what an implementation may do.

An implementation is a method marked with ``@hookimpl``, on a component or on a plain object that is given to
``kernel.hooks.register``. Its parameters may be any of those named here, and no others.

The rings ``signalpy_record``, ``signalpy_invoke`` and ``signalpy_publish`` are ``async def`` and stand around an
operation; the notices are plain ``def`` and are told of something that has happened. Their order is pluggy's: of two
implementations the one that was registered later stands further out, ``tryfirst`` ones stand outside all others and
``trylast`` ones inside; ``before`` and ``after`` settle it between two that are named.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, overload

import pluggy

from signalpy.errors import HookError
from signalpy.isolation import CHOICES, OnError

if TYPE_CHECKING:
    from signalpy.operation import Call, Operation, Publication
    from signalpy.states import PluginInfo

PROJECT: Final = "signalpy"
Proceed: TypeAlias = Callable[..., Awaitable[Any]]
F = TypeVar("F", bound=Callable[..., Any])

hookspec = pluggy.HookspecMarker(PROJECT)
_marker = pluggy.HookimplMarker(PROJECT)
OPTIONS: Final = "__signalpy_hook__"


@hookspec
async def signalpy_record(operation: Operation, proceed: Proceed) -> Any:
    """The outermost ring, for calls and publications alike; a recorder.

    Fires after the verdict and before everything else, also for operations that are denied, unknown or invalid, so
    ``await proceed()`` may raise whatever the operation raises. It must call ``await proceed()`` exactly once or
    raise, must return what that returned, and changes nothing. If it raises before ``proceed``, the operation is
    refused with that error.
    """


@hookspec
async def signalpy_invoke(call: Call, proceed: Proceed) -> Any:
    """Around the handler of a call that is allowed and valid; ``call.params`` is an instance of the target's model.

    It may refuse by raising (best: ``Refused(reason, rule=…)``), replace the parameters with ``await proceed(new)``
    (they are validated again), or observe. Its return value is the result that the caller gets.
    """


@hookspec
async def signalpy_publish(event: Publication, proceed: Proceed) -> None:
    """Around the delivery of an allowed event to all its subscribers.

    It may refuse by raising, replace the payload with ``await proceed(new)``, or observe. ``proceed`` returns when
    all inline subscribers are done; it raises nothing that a subscriber raised.
    """


@hookspec
def signalpy_component_activated(component: PluginInfo) -> None:
    """A component became active: at boot, by ``add``, or as the new one of a ``replace``."""


@hookspec
def signalpy_component_deactivated(component: PluginInfo) -> None:
    """A component that was active no longer is."""


@hookspec
def signalpy_component_failed(component: PluginInfo, error: BaseException | None) -> None:
    """A component failed at import, at activation, or while it stopped; ``component.reason`` says at what."""


@hookspec
def signalpy_policy_changed(
    before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]], actor: str | None
) -> Awaitable[Mapping[str, Any]] | None:
    """The policies were changed; the new ones are in force already. Both are tables by entry name.

    A recorder may return an awaitable of its receipt, such as ``{"recorder": "audit-trail", "seq": 12}``: whoever
    asked for the change through the operator's socket is shown it.
    """


@hookspec
def signalpy_dead_letter(event: Publication, component: str, error: BaseException) -> None:
    """A subscriber of ``component`` did not take ``event``: it raised, its queue stayed full, or it was not reached."""


RECORD: Final = "signalpy_record"
INVOKE: Final = "signalpy_invoke"
PUBLISH: Final = "signalpy_publish"
RINGS: Final = (RECORD, INVOKE, PUBLISH)
NOTICES: Final = (
    "signalpy_component_activated",
    "signalpy_component_deactivated",
    "signalpy_component_failed",
    "signalpy_policy_changed",
    "signalpy_dead_letter",
)


@dataclass(frozen=True, slots=True)
class HookOptions:
    """What ``@hookimpl`` was given.

    ``on_error`` and ``timeout`` (seconds, of the hook's own time) are ``None`` if not given.
    """

    targets: tuple[str, ...] = ("*",)
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    on_error: OnError | None = None
    timeout: float | None = None
    tryfirst: bool = False
    trylast: bool = False


@overload
def hookimpl(function: F) -> F: ...
@overload
def hookimpl(
    *,
    targets: str | Sequence[str] = ...,
    before: str | Sequence[str] = ...,
    after: str | Sequence[str] = ...,
    on_error: OnError | None = ...,
    timeout: float | None = ...,
    tryfirst: bool = ...,
    trylast: bool = ...,
) -> Callable[[F], F]: ...


def hookimpl(
    function: F | None = None,
    *,
    targets: str | Sequence[str] = "*",
    before: str | Sequence[str] = (),
    after: str | Sequence[str] = (),
    on_error: OnError | None = None,
    timeout: float | None = None,
    tryfirst: bool = False,
    trylast: bool = False,
) -> F | Callable[[F], F]:
    """Marks a method as the implementation of the hook whose name it bears.

    The operator may say ``on_error`` and ``timeout`` otherwise, in ``[kernel.hooks.<component>]`` of the configuration.
    To give ``on_error="raise"`` or ``"deny"`` says that a failure has to stop the operation: an operator who has it
    isolated is warned at every start.

    :param targets: patterns on targets (calls) or event types (publications) that it stands around.
    :param before: names of components or registered objects that it stands outside of.
    :param after: names of those that it stands inside of.
    :param on_error: what its own exception does: ``"raise"`` (default) it, ``"isolate"`` it (log, and go on without
        this hook), or ``"deny"`` the operation.
    :param timeout: seconds that it may take itself, what it awaits in ``proceed`` not counted.
    :raises HookError: for an unknown ``on_error`` or a timeout that is not positive.
    """
    if on_error is not None and on_error not in CHOICES:
        raise HookError(f"hookimpl: on_error must be 'raise', 'isolate' or 'deny', found {on_error!r}")
    if timeout is not None and not timeout > 0:
        raise HookError(f"hookimpl: timeout must be a positive number of seconds, found {timeout!r}")
    options = HookOptions(_texts(targets), _texts(before), _texts(after), on_error, timeout, tryfirst, trylast)

    def mark(target: F) -> F:
        marked = _marker(target, tryfirst=tryfirst, trylast=trylast)
        setattr(marked, OPTIONS, options)
        return marked

    return mark if function is None else mark(function)


def _texts(value: str | Sequence[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
