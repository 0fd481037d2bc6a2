"""Cutting a value to a size: surely below it, the longest first, always the same."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from signalpy_audit_trail.encoding import encode, plain
from signalpy_audit_trail.fieldpath import written
from signalpy_audit_trail.truncation import ELLIPSIS, cut, shares, shortened, size

LONG_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30) | st.builds(
    lambda part, times: part * times, st.sampled_from(["x", "é", "😀", "\x00", '"']), st.integers(0, 400)
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10**200, 10**300)
    | st.floats(allow_nan=False, allow_infinity=False)
    | LONG_TEXT,
    lambda inner: st.lists(inner, max_size=60) | st.dictionaries(LONG_TEXT, inner, max_size=60),
    max_leaves=60,
)


@given(VALUES, st.integers(4, 3000))
def test_the_result_never_exceeds_the_room(value: Any, room: int) -> None:
    """Whatever the value and the room, the JSON of the result is no longer than the room."""
    kept, _ = cut(value, room)
    assert len(encode(kept)) <= room


@given(VALUES, st.integers(4, 3000))
def test_nothing_is_cut_without_being_said_and_nothing_said_that_was_not_cut(value: Any, room: int) -> None:
    """The list of paths is empty exactly if the value is whole."""
    kept, paths = cut(value, room)
    assert (kept == value) == (not paths)
    assert (len(encode(value)) <= room) == (not paths)


@given(VALUES, st.integers(4, 3000))
def test_the_same_value_is_cut_in_the_same_way(value: Any, room: int) -> None:
    """Cutting an equal copy gives equal bytes."""
    copy = msgspec.json.decode(encode(value))
    assert encode(cut(value, room)[0]) == encode(cut(copy, room)[0])


@given(VALUES)
def test_size_is_the_length_of_the_json(value: Any) -> None:
    """The measured size is exact."""
    assert len(encode(value)) == size(value)


@given(st.lists(st.integers(0, 500)), st.integers(0, 5000))
def test_a_share_is_the_greatest_that_fits(sizes: list[int], room: int) -> None:
    """What all get together fits, and one byte more each would not, unless all have what they need."""
    share = shares(sizes, room)
    assert sum(min(size, share) for size in sizes) <= room
    if sum(sizes) > room:
        assert sum(min(size, share + 1) for size in sizes) > room


@given(LONG_TEXT, st.integers(5, 300))
def test_a_shortened_text_is_the_longest_beginning_that_fits(value: str, room: int) -> None:
    """A text ends with an ellipsis, and one more character would not fit."""
    short = shortened(value, room)
    kept = short.removesuffix(ELLIPSIS)
    assert value.startswith(kept)
    assert len(encode(short)) <= room
    if len(kept) < len(value):
        assert len(encode(value[: len(kept) + 1] + ELLIPSIS)) > room


def test_the_long_field_is_cut_and_the_small_ones_stay() -> None:
    """Room is taken from what is longest."""
    kept, paths = cut({"a": "x" * 10_000, "b": {"c": [1, 2, 3]}, "d": "y" * 300}, 1000)
    assert {"c": [1, 2, 3]} == kept["b"]
    assert "y" * 300 == kept["d"]
    assert ["a"] == [written(path) for path in paths]


def test_of_very_many_fields_the_first_ones_are_kept() -> None:
    """A million small fields lose their tail, and one path says so."""
    value = plain({f"field {number}": number for number in range(1_000_000)}).value
    kept, paths = cut(value, 100_000)
    assert [()] == paths
    assert isinstance(kept, dict)
    assert 90_000 < len(encode(kept)) <= 100_000
    assert list(range(len(kept))) == list(kept.values())


def test_huge_keys_do_not_push_out_the_limit() -> None:
    """A member whose key alone is too long is left out."""
    kept, paths = cut({"a": 1, "k" * 5000: 2}, 100)
    assert {"a": 1} == kept
    assert [()] == paths
