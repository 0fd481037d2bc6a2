"""Values that are JSON already become the bytes that the long way would lead to, or are left to it."""

from __future__ import annotations

from collections import OrderedDict
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalpy_audit_trail.encoding import encode, plain
from signalpy_audit_trail.ordinary import opened, ready

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.datetimes()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text() | st.integers(), inner)
)
TEXTS = st.text(st.characters(codec="utf-8"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(-1e200, 1e200) | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
)


@given(VALUES)
def test_bytes_are_those_of_the_long_way(value: Any) -> None:
    """Whatever is taken as bytes is what would have been encoded, and reads as the same value."""
    taken = ready(value, most=1 << 20)
    if taken is not None:
        long_way = plain(value)
        assert (encode(long_way.value), long_way.cut) == (bytes(taken.kept), taken.cut)
        assert repr(long_way.value) == repr(taken.value)


@given(st.dictionaries(TEXTS, JSON))
def test_what_json_holds_is_taken_at_once(value: Any) -> None:
    """An object of texts, numbers, lists and objects needs no other way, unless it is nested very deeply."""
    assert ready(value, most=1 << 20) is not None


class Text(str):
    __slots__ = ()


class Kind(Enum):
    ONE = 1


HUNDREDFOLD: Any = "x"
for _ in range(15):
    HUNDREDFOLD = [HUNDREDFOLD] * 100
CYCLE: dict[str, Any] = {}
CYCLE["itself"] = CYCLE


@pytest.mark.parametrize(
    "value",
    [
        "text",
        7,
        {"nan": float("nan")},
        {"inf": [float("inf")]},
        {"huge": 2**1024},
        {"surrogate": "\ud800"},
        {"\ud800": 1},
        {1: "key"},
        {Text("key"): 1},
        {"text": Text("x")},
        {"kind": Kind.ONE},
        {"tuple": (1, 2)},
        {"set": {1}},
        {"bytes": b"x"},
        {"object": object()},
        {"ordered": OrderedDict(a=1)},
        {"cycle": CYCLE},
        {"hundredfold": HUNDREDFOLD},
        {"long": "x" * 1000},
    ],
    ids=lambda value: str(next(iter(value))) if isinstance(value, dict) else type(value).__name__,
)
def test_anything_else_is_left_to_the_long_way(value: Any) -> None:
    """What JSON has no form for, what would be changed, and what is too long is not taken here, and soon known."""
    assert ready(value, most=1000) is None


def test_bytes_are_read_where_they_stand() -> None:
    """In a value, or among its members, bytes of JSON are read again for those who look into them."""
    taken = ready({"a": [1, None]}, most=1000)
    assert taken is not None
    assert {"a": [1, None]} == opened(taken.kept)
    assert {"params": {"a": [1, None]}, "n": 1} == opened({"params": taken.kept, "n": 1})
    plainly = {"a": 1}
    assert opened(plainly) is plainly
