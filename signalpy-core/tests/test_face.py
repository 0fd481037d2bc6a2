"""The public face: the names that others rely on, where they are found, and what importing them costs."""

import subprocess
import sys
from collections.abc import Iterable

import pytest

import signalpy
import signalpy.kernel
from signalpy import errors

DECORATORS = {
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
}
ERRORS = {
    "ActorMissing": PermissionError,
    "AuditUnavailable": OSError,
    "BootError": RuntimeError,
    "ComponentUnavailable": KeyError,
    "ConfigError": ValueError,
    "DefinitionError": (TypeError, ValueError),
    "HookError": (TypeError, ValueError),
    "InvalidParams": ValueError,
    "LifecycleError": RuntimeError,
    "OutcomeUnrecorded": RuntimeError,
    "PolicyDenied": PermissionError,
    "PolicyError": ValueError,
    "Refused": PermissionError,
    "ShuttingDown": RuntimeError,
    "SignalPyError": Exception,
    "TargetNotFound": KeyError,
}
OTHERS = {"Call", "Event", "Kernel", "Operation", "PluginInfo", "Publication", "Runtime", "State", "acting_as"}
NAMES = {*DECORATORS, *ERRORS, *OTHERS}


def test_the_face_is_known() -> None:
    """Both places offer the same names, neither more nor less."""
    assert sorted(NAMES) == sorted(signalpy.__all__)
    assert sorted(NAMES) == sorted(signalpy.kernel.__all__)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_name_is_the_same_in_both_places(name: str) -> None:
    """``from signalpy import x`` and ``from signalpy.kernel import x`` give one and the same thing."""
    assert getattr(signalpy, name) is getattr(signalpy.kernel, name)
    assert name in dir(signalpy)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    """As with any module."""
    with pytest.raises(AttributeError, match="module 'signalpy' has no attribute 'componnent'"):
        getattr(signalpy, "componnent")  # noqa: B009 - mypy knows that it is not there


@pytest.mark.parametrize("name", sorted(ERRORS))
def test_an_error_is_of_the_tree_and_of_the_built_in_one_would_expect(name: str) -> None:
    """Who catches ``SignalPyError`` catches all, and who catches the built-in kind catches these too."""
    kind, built_in = getattr(signalpy, name), ERRORS[name]
    assert issubclass(kind, signalpy.SignalPyError)
    for base in built_in if isinstance(built_in, tuple) else (built_in,):
        assert issubclass(kind, base)


def test_every_error_of_the_module_is_public() -> None:
    """The tree has no member that callers cannot name."""
    found = {name for name, item in vars(errors).items() if isinstance(item, type) and issubclass(item, Exception)}
    assert set(ERRORS) == found


@pytest.mark.parametrize("name", sorted(ERRORS))
def test_an_error_shows_its_message_and_carries_its_evidence(name: str) -> None:
    """The text is the message itself, also where the built-in base would quote it; keywords become attributes."""
    error = getattr(signalpy, name)("what went wrong", target="a.b", retries=3)
    assert "what went wrong" == str(error)
    assert ("a.b", 3) == (error.target, error.retries)
    assert type(error).retry in (True, False)


def test_what_may_be_tried_again_is_known() -> None:
    """Only what has not happened, and may happen later, may be tried again."""
    again = {name for name in ERRORS if getattr(signalpy, name).retry}
    assert {"AuditUnavailable", "ComponentUnavailable", "ShuttingDown"} == again


def test_an_unrecorded_outcome_tells_what_happened() -> None:
    """It carries the result, or the error, of what cannot be taken back."""
    failed = ValueError()
    assert ({"ok": True}, None) == _outcome(signalpy.OutcomeUnrecorded("told", result={"ok": True}))
    assert (None, failed) == _outcome(signalpy.OutcomeUnrecorded("told", error=failed))


def _outcome(error: signalpy.OutcomeUnrecorded) -> tuple[object, BaseException | None]:
    return error.result, error.error


def test_an_interceptor_refuses_with_a_reason_and_a_rule() -> None:
    """Both are there for the caller and for those that record it."""
    refused = signalpy.Refused("over the limit", rule="limits")
    assert ("over the limit", "over the limit", "limits") == (str(refused), refused.reason, refused.__dict__["rule"])


def _loaded_by(statement: str, names: Iterable[str]) -> set[str]:
    """Which of ``names`` a fresh interpreter has loaded after ``statement``."""
    code = f"import sys\n{statement}\nprint(*(name for name in {sorted(names)!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split())


HEAVY = {
    "asyncio",
    "pydantic",
    "msgspec",
    "pluggy",
    "importlib_metadata",
    "click",
    "rich",
    "packaging",
    "signalpy.kernel",
}


def test_importing_the_package_alone_loads_nothing_else() -> None:
    """What a command needs to look at metadata does not pay for models, event loops and kernels."""
    assert set() == _loaded_by("import signalpy", HEAVY)


def test_a_name_loads_what_it_needs_and_no_more() -> None:
    """An error needs nothing, a decorator no event loop and no model, an event the models."""
    assert set() == _loaded_by("from signalpy import PolicyDenied, State", HEAVY)
    assert set() == _loaded_by(
        "from signalpy import component, runnable, lifecycle, subscribe", {"asyncio", "pydantic"}
    )
    assert {"pydantic"} == _loaded_by("from signalpy import Event", {"pydantic", "signalpy.kernel"})


def test_everything_can_be_imported_with_a_star() -> None:
    """``__all__`` names what is there."""
    assert {"signalpy.kernel"} == _loaded_by("from signalpy import *\nKernel, component, Event", {"signalpy.kernel"})
