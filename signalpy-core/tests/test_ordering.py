"""The stable topological order: against a reference that is too slow to be wrong."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from signalpy.ordering import CycleError, stable_order

NAMES = list("abcdefgh")
AFTER = st.dictionaries(
    st.sampled_from([*NAMES, "absent"]), st.sets(st.sampled_from([*NAMES, "elsewhere"]), max_size=3)
)


def _reference(names: list[str], after: dict[str, set[str]]) -> list[str]:
    """Again and again the first name that nothing missing keeps back; shorter than ``names`` if some never can."""
    order: list[str] = []
    while True:
        free = (n for n in names if n not in order and {o for o in after.get(n, ()) if o in names} <= set(order))
        name = next(free, None)
        if name is None:
            return order
        order.append(name)


@given(st.permutations(NAMES), AFTER)
@example(NAMES, {"a": {"a"}})
@example(NAMES, {"a": {"h"}, "h": {"a"}})
def test_the_order_is_the_first_one_that_fits(names: list[str], after: dict[str, set[str]]) -> None:
    """Each name stands behind all that it needs, else in the order given; only a contradiction is an error."""
    expected = _reference(names, after)
    if len(expected) == len(names):
        assert expected == stable_order(names, after)
    else:
        with pytest.raises(CycleError):
            stable_order(names, after)


@given(st.permutations(NAMES), AFTER, st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True))
def test_a_contradiction_is_named_in_full(names: list[str], after: dict[str, set[str]], knot: list[str]) -> None:
    """The error's cycle is one: each member needs the next, the last is the first again, and none stands twice."""
    for name, other in pairwise([*knot, knot[0]]):
        after.setdefault(name, set()).add(other)
    with pytest.raises(CycleError) as found:
        stable_order(names, after)
    cycle = found.value.cycle
    assert cycle[0] == cycle[-1]
    assert len(set(cycle)) == len(cycle) - 1
    assert all(other in after[name] for name, other in pairwise(cycle))
    assert " -> ".join(cycle) == str(found.value)


def test_names_that_are_not_there_keep_nothing_back() -> None:
    """What stands behind an absent name is free, and an absent name's own needs are passed over."""
    assert ["b", "a"] == stable_order(["b", "a"], {"b": ["absent"], "absent": ["a"]})


def test_nothing_is_in_order() -> None:
    """No names, no order, no error."""
    assert [] == stable_order([], {"a": ["a"]})
