"""The messages at the socket: what is one, what is not, and how long it may be."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalpy.control import ControlError, protocol

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.text(), st.dictionaries(st.text(), PLAIN), st.none() | st.text())
def test_a_request_is_read_as_it_was_written(command: str, params: dict[str, Any], behalf: str | None) -> None:
    """On one line, whatever the texts hold."""
    line = protocol.request_line(command, params, behalf)
    assert 1 == line.count(b"\n")
    read = protocol.read_request(line)
    assert (command, params, behalf) == (read.command, read.params, read.on_behalf_of)


@given(PLAIN)
def test_a_result_is_read_as_it_was_written(result: Any) -> None:
    """Also one that is nothing."""
    line = protocol.reply_line(result)
    assert 1 == line.count(b"\n")
    assert result == protocol.read_reply(line)


def test_a_text_that_is_no_utf8_comes_through() -> None:
    """A file name may hold a lone surrogate; JSON's escapes carry it."""
    assert {"name": "\udcff"} == protocol.read_request(protocol.request_line("why", {"name": "\udcff"})).params


def test_a_problem_is_raised_with_its_evidence() -> None:
    """Kind, words in one line, and whether the answer is no."""
    with pytest.raises(ControlError, match="two lines") as caught:
        protocol.read_reply(protocol.problem_line("PolicyDenied", "two\nlines", no=True))
    assert ("PolicyDenied", True) == (caught.value.kind, caught.value.no)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"hello\n", "one line of JSON"),
        (b"\xff\xfe\n", "one line of JSON"),
        (b"[" * 100_000 + b"\n", "one line of JSON"),
        (b'{"v": 1, "command": "why", "params": {"name": NaN}}\n', "NaN is no JSON"),
        (b"[]\n", "of version 1"),
        (b'{"command": "why"}\n', "of version 1"),
        (b'{"v": 2, "command": "why"}\n', "found 2"),
        (b'{"v": 1}\n', "command"),
        (b'{"v": 1, "command": 3}\n', "command"),
        (b'{"v": 1, "command": "why", "params": []}\n', "params"),
        (b'{"v": 1, "command": "why", "actor": "root"}\n', "actor"),
    ],
)
def test_what_is_no_request_is_told(line: bytes, told: str) -> None:
    """In one line; above all nobody can say who he is."""
    with pytest.raises(ControlError) as caught:
        protocol.read_request(line)
    assert told in str(caught.value)
    assert len(str(caught.value)) < 300


def test_messages_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that is too long is not sent, a result that is too long is told instead."""
    with pytest.raises(ControlError, match="1048576"):
        protocol.request_line("why", {"name": "x" * protocol.MOST_ASKED})
    monkeypatch.setattr(protocol, "MOST_ANSWERED", 100)
    assert "can be sent" in json.loads(protocol.reply_line("x" * 200))["error"]["message"]
