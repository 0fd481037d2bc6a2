"""Values are taken out of texts that tell of them."""

from __future__ import annotations

import base64
import copy
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalpy_audit_trail.encoding import plain
from signalpy_audit_trail.outcome import message
from signalpy_audit_trail.privacy.masking import Mask, masked


@pytest.mark.parametrize(
    ("values", "text", "expected"),
    [
        (["DE89370400440532013000"], "bad iban DE89370400440532013000!", "bad iban [redacted]!"),
        (["Zoe Miller"], "no account of zoe miller", "no account of [redacted]"),
        (
            [{"name": "Zoe", "tags": ["blue", 4242]}],
            "Zoe: blue, 4242; Zoey",
            "[redacted]: [redacted], [redacted]; Zoey",
        ),
        (["it's\nme"], 'name "it\'s\\nme"', 'name "[redacted]"'),
        ([12], "12 of 123 in 1.12", "[redacted] of 123 in 1.[redacted]"),
        ([True, None, "", "  "], "True None", "True None"),
        ([base64.b64encode(b"\xffsecret").decode()], "got b'\\xffsecret'", "got b'[redacted]'"),
        ([base64.b64encode(b"secret").decode()], "got secret", "got [redacted]"),
        (["2026-01-31T09:30:00"], "at 2026-01-31 09:30:00", "at [redacted]"),
        (["2026-01-31T09:30:00+02:00"], "datetime.datetime(2026, 1, 31, 9, 30, tzinfo=UTC)", "[redacted], tzinfo=UTC)"),
        (["1980-05-17"], "born datetime.date(1980, 5, 17)", "born [redacted])"),
        (["09:30:00"], "at datetime.time(9, 30)", "at [redacted])"),
        (["Zoë Ä/B"], "GET /Zo%C3%AB%20%C3%84/B?q=Zo%C3%AB+%C3%84%2FB", "GET /[redacted]?q=[redacted]"),
        (["Zoë Ä"], "'Zo\\xeb \\xc4' \"Zo\\u00eb \\u00c4\"", "'[redacted]' \"[redacted]\""),
        (["-----BEGIN KEY\nAbCdEfGhIj\n"], "  | -----BEGIN KEY\n  | AbCdEfGhIj\n", "  | [redacted]\n  | [redacted]\n"),
        (["alice", "alice@example.org"], "to alice@example.org", "to [redacted]"),
    ],
)
def test_every_form_of_a_value_goes(values: Any, text: str, expected: str) -> None:
    """As it is, quoted, in other case, as bytes show it; short ones only as a word."""
    assert expected == Mask(values)(text)


@pytest.mark.parametrize("value", [{"$type": "a.B"}, [1, {"x": [{"$type": "a.B"}]}], [str(n) for n in range(3000)]])
def test_where_a_value_could_not_be_looked_into_nothing_is_told(value: Any) -> None:
    """What an object of any class says of itself is not known."""
    mask = Mask(["other", value])
    assert mask
    assert mask.hides_all
    assert "[redacted]" == mask("no <B of Zoe>\nat all")
    assert not Mask([{"$type": "a", "more": 1}]).hides_all


def test_a_long_text_that_was_cut_off_is_known_by_its_beginning() -> None:
    """Libraries, and the trail, show the beginning of what is long."""
    text = "".join(map(str, range(1000)))
    assert "no [redacted]" == Mask([text])(f"no {text[:700]}… (cut)")
    assert "no 0123 at all" == Mask([text])("no 0123 at all")


@given(st.text(min_size=4).filter(lambda text: text.strip()), st.text())
def test_no_text_holds_the_value_afterwards(secret: str, around: str) -> None:
    """However an exception tells of it."""
    value = plain(secret).value
    mask = Mask([value])
    for error in (
        ValueError(f"{around}{secret}"),
        ValueError(around, secret),
        ValueError(repr(secret)),
        KeyError(secret),
    ):
        assert str(value) not in mask(message(error)).replace("[redacted]", "")


def test_texts_in_texts_of_values_are_masked_too() -> None:
    """Every text of a value is looked through; keys of a message that is an object stay."""
    assert {"a": ["[redacted] b", 1], "n": None} == masked({"a": ["secret b", 1], "n": None}, Mask(["secret"]))


def test_too_many_values_take_the_whole_text() -> None:
    """What cannot be looked for one by one is not stored at all."""
    assert "[redacted]" == Mask([[f"value {n}" for n in range(5000)]])("any text")


def test_a_mask_shows_and_copies_no_value() -> None:
    """It may be kept with an exception, and that may be shown or sent elsewhere."""
    mask = Mask(["secret-value"])
    assert "secret" not in repr(mask)
    assert b"secret" not in pickle.dumps(mask)
    assert "secret-value" == copy.copy(mask)("secret-value")
