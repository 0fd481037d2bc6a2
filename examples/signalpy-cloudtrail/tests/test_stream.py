"""Records out of text in pieces."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalpy_cloudtrail.stream import Entry, entries

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
RECORDS = st.lists(st.dictionaries(st.text().filter(lambda key: key != "Records"), VALUES, max_size=4), max_size=5)


def cut(text: str, size: int) -> Iterator[str]:
    return (text[start : start + size] for start in range(0, len(text), size))


def read(text: str, size: int = 7, longest: int = 10_000) -> list[Any]:
    """The values; a flaw stands as its text, one that ends the file as (text,)."""
    found = list(entries(cut(text, size), longest=longest))
    assert [entry.number for entry in found] == list(range(1, len(found) + 1))
    assert [entry for entry in found[:-1] if entry.last] == []
    return [_shown(entry) for entry in found]


def _shown(entry: Entry) -> Any:
    if entry.flaw is None:
        return entry.value
    return (entry.flaw,) if entry.last else entry.flaw


@given(RECORDS, st.integers(1, 60), st.sampled_from([None, 1]), st.booleans())
def test_any_cut_gives_the_same_records(records: list[Any], size: int, indent: int | None, escaped: bool) -> None:
    """However a delivered file is laid out and cut into pieces, its records come out as they went in."""
    text = json.dumps({"Records": records}, indent=indent, ensure_ascii=escaped)
    assert read(text, size) == records


@given(RECORDS.filter(bool), st.integers(1, 60), st.sampled_from(["\n", "", "\r\n\r\n", " "]))
def test_any_cut_of_lines(records: list[Any], size: int, between: str) -> None:
    """Records on lines of their own, or simply one after another, come out as they went in."""
    assert read(between.join(json.dumps(record) for record in records), size) == records


@given(RECORDS, st.data())
def test_a_file_cut_off_anywhere(records: list[Any], data: st.DataObject) -> None:
    """Of a file that ends too early, whole records come out unchanged, and the loss is told."""
    text = json.dumps({"Records": records})
    end = data.draw(st.integers(0, len(text) - 1))
    *whole, told = read(text[:end], data.draw(st.integers(1, 60)))
    assert whole == records[: len(whole)]
    assert isinstance(told, tuple)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ('{"Records":[]}', []),
        ("[]", []),
        ('[{"a":1},{"a":2}]', [{"a": 1}, {"a": 2}]),
        ('{"Records":[{"a":1}]}{"Records":[{"a":2}]}\n{"a":3}', [{"a": 1}, {"a": 2}, {"a": 3}]),
        ('{"Records":[{"a":1}],"next":{"x":[1]},"more":2} {"a":2}', [{"a": 1}, {"a": 2}]),
        ('{"Owner":"me","Records":[{"a":1},{"a":2}]}', [{"a": 1}, {"a": 2}]),
        ('{"Records":null}', [{"Records": None}]),
        ('{"Records":[1,null,[2],"x",{"a":1}]}', [1, None, [2], "x", {"a": 1}]),
        ('  \n\t{ "Records" :\n [ {"a" : 1 } ] } \n ', [{"a": 1}]),
        ('{"a": "]}\\"{[,"}', [{"a": ']}"{[,'}]),
        ('"text" 1 22 333', ["text", 1, 22, 333]),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 5, 1000])
def test_shapes(text: str, values: list[Any], size: int) -> None:
    """All shapes that people keep are read, in pieces of any size."""
    assert read(text, size) == values


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_bad_line(size: int) -> None:
    """A line that is no JSON is told and the next one is read."""
    found = read('{"a":1}\n{"a": oops}\n{"a":"cut\n{"a":4}\n{"a":', size)
    assert [found[0], found[3]] == [{"a": 1}, {"a": 4}]
    assert found[1].startswith("expected a whole JSON value, found 'o' in it")
    assert found[2].startswith("expected a whole JSON value, found '\\n' in it")
    assert found[4].startswith("expected a whole JSON value, found the end of the file in it")
    assert len(found) == 5


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "expected JSON, found nothing"),
        (" \n", "expected JSON, found nothing"),
        ("<html>\n<p>no such key</p>\n</html>\n" * 5, "expected a whole JSON value, found '<' in it"),
        ('{"Records":[{"a":1},{"a":', "expected a whole JSON value, found the end of the file in it"),
        ('{"Records":[{"a":1},', "expected a whole JSON value, found the end of the file in it"),
        ('{"Records":[{"a":1}', "expected ',' or ']' between records, found the end of the file"),
        ('{"Records":[{"a":1} {"a":2}]}', "expected ',' or ']' between records, found '{'"),
        ('{"Records":[{"a":1}]', "expected '}' after Records, found the end of the file"),
        ('{"Records":[{"a":1}]]', "expected '}' after Records, found ']'"),
        ('{"Records":[{"a":1},{"b" 2},{"a":3}]}' + " " * 40, "expected a whole JSON value, found '2' in it"),
    ],
)
@pytest.mark.parametrize("size", [1, 4, 1000])
def test_the_rest_is_lost(text: str, told: str, size: int) -> None:
    """What cannot be read on ends the file with one reason, after the records before it."""
    *before, (reason,) = read(text, size)
    assert before == ([{"a": 1}] if '"a":1' in text else [])
    assert reason.startswith(told)


def test_memory_is_bounded() -> None:
    """A record longer than the limit ends the file before more of it is taken in."""
    taken = 0

    def pieces() -> Iterator[str]:
        nonlocal taken
        yield '{"Records":[{"a":"'
        while True:
            taken += 100
            yield "x" * 100

    (only,) = entries(pieces(), longest=1000)
    assert only.flaw == "expected a record of at most 1000 characters, found a longer one"
    assert only.last
    assert taken <= 3000


def test_a_long_line_is_left_out() -> None:
    """A line longer than the limit is told, and the next one is read."""
    found = read('{"a":1}\n{"b":"' + "x" * 5000 + '"}\n{"a":3}\n', 64, longest=1000)
    assert found == [{"a": 1}, "expected a record of at most 1000 characters, found a longer one", {"a": 3}]


@pytest.mark.parametrize("value", ["[" * 100_000, '{"a":' * 100_000])
def test_nested_too_deeply(value: str) -> None:
    """A value that no parser can follow is told, not raised."""
    *_, (reason,) = read('{"Records":[{"a":1},' + value, 100_000, longest=1_000_000)
    assert "nested too deeply" in reason


def test_a_number_too_long() -> None:
    """A number that Python refuses to read is told, not raised."""
    assert "cannot be read" in read('{"a":1}\n{"a":' + "9" * 5000 + "}\n")[1]
