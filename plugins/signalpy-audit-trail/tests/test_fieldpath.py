"""Paths: what is written, what it means, and what it finds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalpy_audit_trail.fieldpath import Path, Wild, find, parse, written

STEPS = st.text(max_size=60) | st.integers(0, 10**8) | st.sampled_from(Wild)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a", ("a",)),
        ("a.b", ("a", "b")),
        ("lines[*].note", ("lines", Wild.ELEMENT, "note")),
        ("lines[0][12]", ("lines", 0, 12)),
        ("*.iban", (Wild.MEMBER, "iban")),
        ("a.*", ("a", Wild.MEMBER)),
        ("[*].a", (Wild.ELEMENT, "a")),
        ('["odd.key"].b', ("odd.key", "b")),
        ('a["*"]["q\\"]"]', ("a", "*", 'q"]')),
        ("from", ("from",)),
        ("Ünïcode key", ("Ünïcode key",)),
    ],
)
def test_a_path_is_read_and_written(text: str, path: Path) -> None:
    """A path has one meaning, and one way of being written."""
    assert path == parse(text)
    assert text == written(path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        ".a",
        "a.",
        "a..b",
        "a[",
        "a[]",
        "a[x]",
        "a[-1]",
        'a["x]',
        "a]b",
        "a**",
        "a.[0]",
        "[0]a",
        '["\\q"]',
        "a*",
    ],
)
def test_what_is_no_path_is_refused(text: str) -> None:
    """A wrong path is an error that shows the text."""
    with pytest.raises(ValueError, match="path") as caught:
        parse(text)
    assert "\n" not in str(caught.value)


@given(st.lists(STEPS, min_size=1, max_size=6).map(tuple))
def test_written_paths_read_back(path: Path) -> None:
    """Every path can be written, and reading it gives the same steps."""
    assert path == parse(written(path))


def test_a_long_key_is_shown_by_its_beginning() -> None:
    """A written path stays short whatever the keys are."""
    assert "a." + "k" * 64 + "…" == written(("a", "k" * 100_000))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a", [(("a",), {"b": 1})]),
        ("a.b", [(("a", "b"), 1)]),
        ("lines[*].note", [(("lines", 0, "note"), "x"), (("lines", 2, "note"), None)]),
        ("lines[1]", [(("lines", 1), {})]),
        ("lines[9]", []),
        ("lines.note", []),
        ("a[*]", []),
        ("*.b", [(("a", "b"), 1)]),
        ("missing.b", []),
        ('["a"].b', [(("a", "b"), 1)]),
    ],
)
def test_find_gives_each_place_that_a_path_leads_to(text: str, found: list[object]) -> None:
    """A path leads to any number of places, each found with its exact path, in the value's order."""
    value = {"a": {"b": 1}, "lines": [{"note": "x"}, {}, {"note": None}]}
    assert found == list(find(value, parse(text)))
