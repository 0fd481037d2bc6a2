"""Sealed values open with their key at their place, and nowhere else."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from signalpy_audit_trail.privacy.sealed import place, sealed
from signalpy_audit_trail.privacy.sealing import DataKey

KEY = DataKey("key_1", b"k" * 32)
HERE = place("0198-id", "data.lines[0].note")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc"), inner),
    max_leaves=5,
)


@given(JSON)
def test_what_is_sealed_opens_again(value: Any) -> None:
    """Every JSON value comes back with its type."""
    parts = sealed(KEY.seal(value, HERE))
    assert parts is not None
    assert ("key_1", value) == (parts.key, parts.open(KEY, HERE))


def test_it_is_aes_gcm_with_the_place_as_associated_data() -> None:
    """Any implementation of AES-256-GCM opens it: 12 bytes of nonce, then the ciphertext with its tag."""
    stored: Any = KEY.seal("secret", HERE)
    raw = base64.b64decode(stored["$encrypted"]["data"])
    assert b'"secret"' == AESGCM(b"k" * 32).decrypt(raw[:12], raw[12:], b"0198-id\0data.lines[0].note")


def test_the_same_value_at_the_same_place_is_the_same_text_and_nowhere_else() -> None:
    """A repeated delivery is known by it; two places do not tell that they hold the same."""
    assert KEY.seal("secret", HERE) == KEY.seal("secret", HERE)
    others = [KEY.seal("secret", place("other", "data.lines[0].note")), KEY.seal("secret", place("0198-id", "data"))]
    nonces = {str(each["$encrypted"]["data"])[:16] for each in [KEY.seal("secret", HERE), *others]}  # type: ignore[index, call-overload]
    assert 3 == len(nonces)


@pytest.mark.parametrize("change", ["key", "place", "text", "cut"])
def test_what_was_moved_or_changed_does_not_open(change: str) -> None:
    """Another key, another place, another byte: nothing is given out."""
    parts = sealed(KEY.seal("secret", HERE))
    assert parts is not None
    key = DataKey("key_1", b"x" * 32) if change == "key" else KEY
    data = {"text": "A" + parts.data[1:], "cut": parts.data[:20] + "…"}.get(change, parts.data)
    where = place("other", "data") if change == "place" else HERE
    with pytest.raises(ValueError, match=r"does not open|cut or damaged"):
        type(parts)(parts.key, data).open(key, where)


@pytest.mark.parametrize(
    "value",
    [
        1,
        {},
        {"$encrypted": 1},
        {"$encrypted": {"key": "a"}},
        {"$encrypted": {"key": 1, "data": "x"}},
        {"$encrypted": {"key": "a", "data": "x"}, "b": 1},
    ],
)
def test_what_only_looks_like_one_is_none(value: Any) -> None:
    """Data of an application may have any form."""
    assert sealed(value) is None


def test_a_key_is_not_shown() -> None:
    """Its repr has the id."""
    assert "<DataKey('key_1')>" == repr(KEY)
