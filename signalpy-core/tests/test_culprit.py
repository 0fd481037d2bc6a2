"""Whose code a stack is in: real frames of functions that hand out their own."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from signalpy import component, runnable, subscribe
from signalpy.definition import spec_of
from signalpy.kernel.culprit import Codes, Culprit, place, step_of


def here() -> FrameType:
    """The frame of this very function, below whoever calls it."""
    return sys._getframe()


class Base:
    def shared(self) -> FrameType:
        return here()


@component("one")
class One(Base):
    @runnable("go")
    def go(self) -> FrameType:
        return here()

    def plain(self) -> FrameType:
        return here()

    @runnable("through")
    def through(self) -> FrameType:
        return self.plain()

    @runnable("both")
    @subscribe("x")
    def both(self, event_type: str = "", data: Any = None) -> FrameType:
        return here()

    @staticmethod
    def static() -> FrameType:
        return here()

    @classmethod
    def of_class(cls) -> FrameType:
        return here()

    @property
    def attribute(self) -> FrameType:
        return here()

    @functools.cache  # noqa: B019 - one instance
    def cached(self) -> FrameType:
        return here()

    def calls(self, other: Callable[[], FrameType]) -> FrameType:
        return other()


@component("two")
class Two(Base):
    @runnable("go")
    def go(self) -> FrameType:
        return One().plain()


def codes(*classes: type, distribution: str | None = None) -> Codes:
    found = Codes()
    for cls in classes:
        found.add(spec_of(cls), "1.0", distribution)
    return found


def named(found: Codes, frame: FrameType) -> tuple[str, str, str] | None:
    """Component, role, and function of the component's own frame."""
    pair = found.find(frame)
    return (pair[0].owner.name, pair[0].what, pair[1].f_code.co_name) if pair is not None else None


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (One().go, ("one", "runnable one.go", "go")),
        (One().plain, ("one", "", "plain")),
        (One().through, ("one", "runnable one.through", "plain")),
        (One().both, ("one", "runnable one.both", "both")),
        (One.static, ("one", "", "static")),
        (One.of_class, ("one", "", "of_class")),
        (lambda: One().attribute, ("one", "", "attribute")),
        (One().cached, ("one", "", "cached")),
        (One().shared, ("one", "", "shared")),
        (Two().shared, ("two", "", "shared")),
        (Two().go, ("one", "", "plain")),
        (lambda: Two().go(), ("one", "", "plain")),
        (lambda: One().calls(Two().shared), ("two", "", "shared")),
    ],
)
def test_the_innermost_function_of_a_component_is_found_with_its_role(
    frame: Callable[[], FrameType], expected: tuple[str, str, str]
) -> None:
    """Of whatever kind it is; code of a common base by whose instance it runs on."""
    assert expected == named(codes(One, Two), frame())


def test_other_code_is_told_by_its_module_if_that_has_one_component() -> None:
    """The module of the class, or its package if it is installed; two in one tell nothing."""
    assert ("one", "", "here") == named(codes(One), here())
    assert None is named(codes(One, Two), here())
    assert None is named(Codes(), here())


def test_functions_that_are_known_go_before_modules() -> None:
    """A helper of one component that another's runnable calls is that other's doing."""
    elsewhere: dict[str, Any] = {"__name__": "acme.other"}
    exec("def run(function): return function()", elsewhere)
    two = type("Two", (), {"go": elsewhere["run"], "__module__": "acme.other"})
    spec = spec_of(component("two")(two))
    found = codes(One)
    found.add(spec, "2", "acme")
    assert ("two", "", "run") == named(found, elsewhere["run"](here))


def test_a_place_is_module_line_and_function() -> None:
    """No path of the machine is in it."""
    frame = One().go()
    assert f"{__name__}:{frame.f_lineno} in here" == place(frame)


def test_a_stack_outside_a_loop_has_no_step() -> None:
    """Nothing of asyncio's is in it."""
    assert None is step_of(here())


@pytest.mark.parametrize(
    ("culprit", "told"),
    [
        (Culprit("a", "1", None, "", None, "m:1 in f", "m:1 in f"), "a 1 at m:1 in f"),
        (
            Culprit("a", "1", "acme", "hook signalpy_invoke", "b.c", "m:1 in f", "n:2 in g"),
            "a 1 of acme (hook signalpy_invoke) during b.c at m:1 in f, which is in n:2 in g",
        ),
        (
            Culprit("a", "", None, "runnable a.b", "a.b", "m:1 in f", "m:1 in f"),
            "a (runnable a.b) at m:1 in f",
        ),
        (Culprit(None, "", None, "", None, "m:1 in f", "m:1 in f"), "code of no component of this kernel at m:1 in f"),
    ],
)
def test_it_is_told_in_one_line(culprit: Culprit, told: str) -> None:
    """Name, version, distribution, role, operation, place; what adds nothing is left out."""
    assert told == str(culprit)
