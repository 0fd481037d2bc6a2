"""What is to be taken out of an exception's words goes with it."""

from __future__ import annotations

from signalpy_audit_trail.privacy import marks
from signalpy_audit_trail.privacy.masking import Mask


def test_a_mask_comes_with_the_exception_and_with_those_that_were_raised_from_it() -> None:
    """Whoever records a failure that came from inside knows what the inside protects."""
    mask, other = Mask(["secret"]), Mask(["other"])
    inner, outer = ValueError("secret"), RuntimeError("outer")
    marks.put(inner, mask)
    marks.put(inner, mask)
    marks.put(inner, other)
    outer.__cause__ = inner
    inner.__context__ = outer
    assert {mask, other} == set(marks.of(outer))
    assert () == marks.of(ValueError("secret"))
    assert () == marks.of(None)


def test_a_group_comes_with_the_masks_of_what_it_is_made_of() -> None:
    """However deep: the traceback of a group shows the words of each."""
    mask, other = Mask(["secret"]), Mask(["other"])
    first, second = ValueError("secret"), KeyError("other")
    marks.put(first, mask)
    marks.put(second, other)
    group = ExceptionGroup("two", [ExceptionGroup("one", [first]), second])
    outer = RuntimeError("outer")
    outer.__context__ = group
    assert {mask, other} == set(marks.of(outer))


def test_of_what_has_too_much_behind_it_nothing_is_told() -> None:
    """What cannot be looked through may hold anything."""
    group = ExceptionGroup("many", [ValueError(number) for number in range(2000)])
    [mask] = marks.of(group)
    assert "[redacted]" == mask("any words\nat all")


def test_no_code_of_the_exception_runs() -> None:
    """One that forbids attributes is marked all the same."""

    class Stubborn(Exception):
        def __setattr__(self, name: str, value: object) -> None:
            raise RuntimeError("no")

        def __getattribute__(self, name: str) -> object:
            raise RuntimeError("no")

    error, mask = Stubborn(), Mask(["secret"])
    marks.put(error, mask)
    assert (mask,) == marks.of(error)
