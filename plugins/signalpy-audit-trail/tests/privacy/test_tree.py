"""The tree of rules: the first rule that names a value, or what it lies in, decides about it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalpy_audit_trail.fieldpath import Json, Path, Wild, parse
from signalpy_audit_trail.privacy.rules import Action
from signalpy_audit_trail.privacy.tree import Clause, Rewriting, bound, decided, grow

VALUE = {"customer": {"name": "zoe", "pin": 7}, "lines": [{"note": "a", "sku": 1}, {"note": "b", "sku": 2}], "n": 5}


def clauses(*texts: str) -> list[Clause]:
    return [Clause(order, parse(text), Action.REDACT) for order, text in enumerate(texts)]


def shown(value: Json, *texts: str, open_below: int = 0) -> Json:
    """``value`` with, in place of each part, the number of the rule that decides about it; others stay."""

    def decide(clause: Clause | None, value: Json, path: Path) -> Json:
        return value if clause is None else f"rule {clause.order}"

    return Rewriting(decide).of(value, grow(clauses(*texts)), (), open_below=open_below)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (["customer"], {**VALUE, "customer": "rule 0"}),
        (["customer.name"], {**VALUE, "customer": {"name": "rule 0", "pin": 7}}),
        (["customer.pin", "customer"], {**VALUE, "customer": {"name": "rule 1", "pin": "rule 0"}}),
        (["customer", "customer.pin"], {**VALUE, "customer": "rule 0"}),
        (["customer.*"], {**VALUE, "customer": {"name": "rule 0", "pin": "rule 0"}}),
        (["*.pin"], {**VALUE, "customer": {"name": "zoe", "pin": "rule 0"}}),
        (["lines[*].note"], {**VALUE, "lines": [{"note": "rule 0", "sku": 1}, {"note": "rule 0", "sku": 2}]}),
        (["lines[1].note"], {**VALUE, "lines": [{"note": "a", "sku": 1}, {"note": "rule 0", "sku": 2}]}),
        (["lines[1]", "lines[*].note"], {**VALUE, "lines": [{"note": "rule 1", "sku": 1}, "rule 0"]}),
        (
            ["lines[*].note", "lines[1]"],
            {**VALUE, "lines": [{"note": "rule 0", "sku": 1}, {"note": "rule 0", "sku": "rule 1"}]},
        ),
        (["nothing.here", "n"], {**VALUE, "n": "rule 1"}),
        (["n.deeper"], VALUE),
        (["*"], dict.fromkeys(VALUE, "rule 0")),
    ],
)
def test_the_first_rule_decides(rules: list[str], expected: Any) -> None:
    """A rule on a value is one on all that is in it, except for what an earlier rule names more closely."""
    assert expected == shown(VALUE, *rules)


def test_a_part_is_as_large_as_can_be() -> None:
    """What no rule looks into is decided about as a whole, though one level can be opened without a rule."""
    seen: list[Path] = []

    def decide(clause: Clause | None, value: Json, path: Path) -> Json:
        seen.append(path)
        return value

    Rewriting(decide).of(VALUE, None, ())
    Rewriting(decide).of(VALUE, None, (), open_below=1)
    assert [(), ("customer",), ("lines",), ("n",)] == seen


def test_keys_that_are_looked_past_can_be_renamed() -> None:
    """Two that become the same are told apart, and the path has the name that is stored."""
    paths: list[Path] = []

    def decide(clause: Clause | None, value: Json, path: Path) -> Json:
        paths.append(path)
        return value

    rewriting = Rewriting(decide, lambda key, listed: key if listed else "x")
    assert {"x": 1, "x#2": 2, "c": 3} == rewriting.of({"a": 1, "b": 2, "c": 3}, grow(clauses("c")), ())
    assert [("x",), ("x#2",), ("c",)] == paths


NAMES = st.sampled_from(["a", "b", "c"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.integers(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=12
)
PATHS = st.lists(NAMES | st.integers(0, 2) | st.sampled_from(list(Wild)), min_size=1, max_size=4).map(tuple)


def leaves(value: Json, path: Path = ()) -> list[Path]:
    if isinstance(value, dict | list):
        children = value.items() if isinstance(value, dict) else enumerate(value)
        return [leaf for step, child in children for leaf in leaves(child, (*path, step))]
    return [path]


def leads_to(pattern: Path, path: Path) -> bool:
    """Whether a pattern names a place or something that it lies in; told without the tree."""
    if len(pattern) > len(path):
        return False
    wild = {Wild.MEMBER: str, Wild.ELEMENT: int}
    return all(
        isinstance(step, wild[want]) if isinstance(want, Wild) else want == step
        for want, step in zip(pattern, path, strict=False)
    )


@given(VALUES, st.lists(PATHS, max_size=5))
def test_every_leaf_is_decided_by_the_first_rule_that_leads_to_it(value: Any, patterns: list[Path]) -> None:
    """The tree says what reading the rules one after the other says."""
    found: dict[Path, int | None] = {}
    parts: list[Path] = []

    def decide(clause: Clause | None, part: Json, path: Path) -> Json:
        parts.append(path)
        found.update(dict.fromkeys(leaves(part, path), None if clause is None else clause.order))
        return part

    tree = grow(Clause(order, pattern, Action.REDACT) for order, pattern in enumerate(patterns))
    Rewriting(decide).of(value, tree, ())
    expected = {
        leaf: next((order for order, pattern in enumerate(patterns) if leads_to(pattern, leaf)), None)
        for leaf in leaves(value)
    }
    assert expected == found
    for path in found:
        inside, clause = decided(path, tree)
        assert expected[path] == (None if clause is None else clause.order)
        assert inside in parts


def test_a_subject_stands_beside_the_field_that_it_is_of() -> None:
    """Wildcards that two paths share mean the same element."""
    place = ("lines", 3, "note")
    assert ("lines", 3, "customer") == bound(parse("lines[*].customer"), parse("lines[*].note"), place)
    assert ("customer",) == bound(parse("customer"), parse("lines[*].note"), place)
    assert parse("others[*].id") == bound(parse("others[*].id"), parse("lines[*].note"), place)
