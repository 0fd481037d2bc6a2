"""The error tree: every error that SignalPy raises on purpose.

A message is one line that says what was expected, what was found and what to do. The evidence is carried as attributes,
so that no caller has to parse a message, and ``retry`` says whether trying the same thing again is safe and may help.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

_CONTROL: Final = (*range(32), *range(127, 160), 0x2028, 0x2029)
_ESCAPED: Final = {code: " " if chr(code).isspace() else ascii(chr(code))[1:-1] for code in _CONTROL}
"""Line breaks and control characters, which a name out of foreign hands may hold: a message is one line."""


class SignalPyError(Exception):
    """Base of the tree.

    :param message: one line for a person.
    :param evidence: what the message was made from; each becomes an attribute.
    """

    retry: ClassVar[bool] = False
    """Whether the same operation may be tried again without doing anything twice."""

    def __init__(self, message: str = "", **evidence: Any) -> None:
        self.message = message.translate(_ESCAPED)
        super().__init__(self.message)
        self.__dict__.update(evidence)

    def __str__(self) -> str:
        return self.message


def words(error: BaseException) -> str:
    """What an exception says, in one line; nothing, if it cannot be made to say anything."""
    try:
        return " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - an exception out of foreign code may fail at this too
        return ""


def told(error: BaseException) -> str:
    """Kind and words of an exception, in one line."""
    said = words(error)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def kind_of(value: object) -> str:
    """What a value of a configuration is, in words that say nothing of the value itself."""
    kinds = {bool: "true or false", int: "a number", float: "a number", str: "a text", list: "a list"}
    return kinds.get(type(value), type(value).__name__)


class DefinitionError(SignalPyError, TypeError, ValueError):
    """A component class is declared wrongly; raised where the decorator stands.

    ``component`` and ``method`` tell where.
    """


class HookError(SignalPyError, TypeError, ValueError):
    """A hook implementation cannot be registered: unknown hook, wrong arguments, contradictory order."""


class ConfigError(SignalPyError, ValueError):
    """The configuration is wrong. ``key`` names the place."""


class PolicyError(SignalPyError, ValueError):
    """A policy entry is wrong; the policy that was in force stays in force. ``entry`` and ``key`` name the place."""


class BootError(SignalPyError, RuntimeError):
    """An essential component could not start; everything that had started was stopped.

    ``component`` and ``why`` tell more.
    """


class LifecycleError(SignalPyError, RuntimeError):
    """The kernel cannot do this now: not running, already running, or asked from a place that would wait for itself."""


class ShuttingDown(SignalPyError, RuntimeError):
    """The kernel is stopping and admits no new root operation. Nothing ran."""

    retry = True


class TargetNotFound(SignalPyError, KeyError):
    """No component offers this target. ``target`` and ``near`` (close matches) tell more. Nothing ran."""


class ComponentUnavailable(TargetNotFound):
    """The target's component is known but does not run. ``target``, ``component`` and ``why`` tell more.

    Nothing ran.
    """

    retry = True


class InvalidParams(SignalPyError, ValueError):
    """Parameters do not fit the target's model. Nothing ran.

    ``target`` names the target and ``problems`` lists every problem as ``{"loc": tuple, "msg": str, "type": str}``;
    neither holds a value that was given, since values may be secrets.
    """


class PolicyDenied(SignalPyError, PermissionError):
    """The policy refuses this operation. ``caller``, ``target`` and ``rule`` tell which. Nothing ran."""


class Refused(PolicyDenied):
    """An interceptor refuses this operation; raised by the interceptor itself.

    :param reason: one line for the caller.
    :param rule: the name under which the refusal is recorded.
    """

    def __init__(self, reason: str = "refused by an interceptor", *, rule: str | None = None, **evidence: Any) -> None:
        super().__init__(reason, **{"caller": None, "target": None, **evidence, "rule": rule})
        self.reason = reason


class ActorMissing(PolicyDenied):
    """The policy requires an actor and the operation has none. Nothing ran."""


class AuditUnavailable(SignalPyError, OSError):
    """The audit log cannot be written and the operation was refused for that. Nothing ran."""

    retry = True


class OutcomeUnrecorded(SignalPyError, RuntimeError):
    """The operation happened, but its outcome could not be recorded.

    ``result`` holds what it returned, or ``error`` what it raised. Trying again would do it twice.
    """

    def __init__(
        self, message: str = "", *, result: Any = None, error: BaseException | None = None, **evidence: Any
    ) -> None:
        super().__init__(message, **evidence)
        self.result = result
        self.error = error
