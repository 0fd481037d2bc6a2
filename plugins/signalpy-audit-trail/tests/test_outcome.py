"""How an operation ended, told without running code of errors or results."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalpy.errors import ActorMissing, InvalidParams, PolicyDenied, Refused, TargetNotFound
from signalpy_audit_trail.encoding import encode
from signalpy_audit_trail.members import MISSING
from signalpy_audit_trail.outcome import Denials, Ending, message, raised, returned, told


class Talkative(Exception):
    def __str__(self) -> str:
        raise RuntimeError("was asked")

    __repr__ = __str__

    @property
    def args(self) -> Any:
        raise RuntimeError("was asked")


def os_error() -> OSError:
    try:
        open("/nowhere/at all")  # noqa: PTH123, SIM115
    except OSError as error:
        return error
    raise AssertionError


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("no"), {"type": "ValueError", "message": "no", "by": "x"}),
        (ValueError(), {"type": "ValueError", "by": "x"}),
        (KeyError("key"), {"type": "KeyError", "message": "key", "by": "x"}),
        (
            ValueError("a", 1, object()),
            {"type": "ValueError", "message": '["a",1,{"$type":"builtins.object"}]', "by": "x"},
        ),
        (ValueError(object()), {"type": "ValueError", "message": '{"$type":"builtins.object"}', "by": "x"}),
        (ValueError("\udc80"), {"type": "ValueError", "message": "\\udc80", "by": "x"}),
        (Talkative("hidden"), {"type": "Talkative", "message": "hidden", "by": "x"}),
        (
            os_error(),
            {"type": "FileNotFoundError", "message": "[Errno 2] No such file or directory: /nowhere/at all", "by": "x"},
        ),
        (OSError(5, "gone"), {"type": "OSError", "message": "[Errno 5] gone", "by": "x"}),
        (
            UnicodeDecodeError("utf-8", b"secret", 0, 1, "bad byte"),
            {"type": "UnicodeDecodeError", "message": "bad byte", "by": "x"},
        ),
        (
            ExceptionGroup("several", [ValueError("secret")]),
            {"type": "ExceptionGroup", "message": "several", "by": "x"},
        ),
        (
            TargetNotFound("no such target", target="a.b"),
            {"type": "TargetNotFound", "message": "no such target", "by": "x"},
        ),
        (SystemExit(3), {"type": "SystemExit", "message": "3", "by": "x"}),
        ("in words", {"message": "in words", "by": "x"}),
        ({"type": "AccessDenied", "message": "no"}, {"type": "AccessDenied", "message": "no", "by": "x"}),
        ({"type": "AccessDenied", "by": "iam"}, {"type": "AccessDenied", "by": "iam"}),
        ({"code": 7}, {"message": '{"code":7}', "by": "x"}),
        (["a"], {"message": '["a"]', "by": "x"}),
        (7, {"message": "7", "by": "x"}),
    ],
)
def test_what_is_stored_of_an_error(error: object, expected: dict[str, str]) -> None:
    """An error is told by its type, the text of its arguments, and who raised it."""
    assert expected == told(error, "x")


@given(st.lists(st.none() | st.integers() | st.text(st.characters()) | st.binary() | st.builds(object)))
def test_the_message_of_any_exception_can_be_stored(arguments: list[Any]) -> None:
    """Whatever an exception was made from, its message is a text that JSON can hold."""
    encode(message(Exception(*arguments)))


@pytest.mark.parametrize(
    ("result", "outcome", "error"),
    [
        ({"ok": True}, "success", None),
        (None, "success", None),
        ([{"error": "x"}], "success", None),
        ({"error": None}, "success", None),
        ({"error": False, "value": 1}, "success", None),
        ({"error": "Insufficient funds"}, "failure", {"message": "Insufficient funds", "by": "x"}),
        ({"error": {"type": "Closed"}}, "failure", {"type": "Closed", "by": "x"}),
        ({"error": ""}, "failure", {"by": "x"}),
        ({"error": ValueError("no")}, "failure", {"type": "ValueError", "message": "no", "by": "x"}),
    ],
)
def test_a_returned_error_is_a_failure(result: object, outcome: str, error: object) -> None:
    """A runnable that returns an error has failed, and its result is kept."""
    ending = returned(result, "x")
    assert (outcome, error) == (ending.outcome, ending.error)
    assert ending.result is result


def test_a_cancelled_operation_is_cancelled() -> None:
    """A cancellation is no failure, and has no error to tell."""
    assert Ending("cancelled", None, MISSING, None) == raised(asyncio.CancelledError("why"), "x")


@pytest.mark.parametrize(
    ("error", "by"),
    [
        (
            PolicyDenied("no", caller="a", target="b.c", rule='policy "a": invoke_deny "b.*"'),
            'policy "a": invoke_deny "b.*"',
        ),
        (ActorMissing("no", rule="require_actor"), "require_actor"),
        (Refused("too much", rule="limit"), "limit"),
        (Refused("too much"), "x"),
    ],
)
def test_a_denial_names_the_rule(error: PolicyDenied, by: str) -> None:
    """Who denied is the rule, where there is one."""
    ending = raised(error, "x", denied=True)
    assert "denied" == ending.outcome
    assert ending.error is not None
    assert by == ending.error["by"]


def test_a_denial_denies_one_operation_and_fails_those_around_it() -> None:
    """The first that sees a denial is the one that was denied; any other error denies nobody."""
    denials, error = Denials(), Refused("no")
    assert denials.is_new(error)
    assert not denials.is_new(error)
    assert denials.is_new(Refused("another"))
    assert not denials.is_new(InvalidParams("no"))


def test_denials_are_forgotten_with_their_errors_hashable_or_not() -> None:
    """Nothing is kept of an error that is gone."""

    @dataclasses.dataclass
    class Unhashable(Refused):
        code: int = 1

    denials, error = Denials(), Unhashable()
    assert denials.is_new(error)
    assert 1 == len(denials)
    del error
    gc.collect()
    assert 0 == len(denials)
