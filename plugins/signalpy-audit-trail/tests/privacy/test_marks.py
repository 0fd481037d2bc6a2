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
