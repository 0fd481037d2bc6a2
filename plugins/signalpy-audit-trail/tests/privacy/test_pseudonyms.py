"""Hashes and tokens: the same for the same value, under one secret."""

from __future__ import annotations

import hashlib
import hmac

from signalpy_audit_trail.privacy.pseudonyms import Pseudonyms

SECRET = b"s" * 32
PSEUDONYMS = Pseudonyms(SECRET)


def test_a_hash_is_hmac_sha256_of_the_text() -> None:
    """Whoever holds the secret can derive it with any tool; a number has the hash of its text, as a subject."""
    expected = "hmac-sha256:" + hmac.new(SECRET, b"alice", hashlib.sha256).hexdigest()
    assert expected == PSEUDONYMS.hashed("alice")
    assert PSEUDONYMS.hashed("42") == PSEUDONYMS.hashed(42)
    assert PSEUDONYMS.hashed([1, "a"]) == PSEUDONYMS.hashed('[1,"a"]')


def test_a_token_tells_nothing_but_that_it_is_the_same() -> None:
    """It has a fixed form, keeps types apart, and has nothing to do with the hash."""
    token = PSEUDONYMS.token("alice")
    assert ("tok_", 36) == (token[:4], len(token))
    assert token == Pseudonyms(SECRET).token("alice")
    assert 4 == len({token, PSEUDONYMS.token("bob"), PSEUDONYMS.token(42), PSEUDONYMS.token("42")})


def test_another_secret_makes_others_and_neither_is_shown() -> None:
    """Without the secret no guess can be checked."""
    other = Pseudonyms(b"t" * 32)
    assert PSEUDONYMS.hashed("a") != other.hashed("a")
    assert PSEUDONYMS.token("a") != other.token("a")
    assert PSEUDONYMS.check() != other.check()
    assert "<Pseudonyms()>" == repr(PSEUDONYMS)
