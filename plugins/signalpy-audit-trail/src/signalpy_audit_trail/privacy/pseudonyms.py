"""The texts that stand for values: made with a secret, so that nobody without it can check a guess. Pure."""

from __future__ import annotations

import base64
import hmac
from typing import Final

from signalpy_audit_trail.encoding import encode
from signalpy_audit_trail.fieldpath import Json
from signalpy_audit_trail.privacy.masking import text_of

HASH_MARK: Final = "hmac-sha256:"
TOKEN_MARK: Final = "tok_"  # noqa: S105 (a prefix, and no secret)
_TOKEN_BYTES: Final = 20


class Pseudonyms:
    """Hashes and tokens under one secret.

    :param secret: 32 bytes.
    """

    __slots__ = ("_secret", "_token_secret")

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._token_secret = hmac.digest(secret, b"signalpy audit tokens", "sha256")

    def __repr__(self) -> str:
        return "<Pseudonyms()>"

    def hashed(self, value: Json) -> str:
        """``"hmac-sha256:"`` and 64 hexadecimal digits: HMAC-SHA256 (RFC 2104) over the value's text in UTF-8.

        The text of anything but a text is its JSON, and so a number has the hash of the subject that it names.
        """
        return HASH_MARK + hmac.digest(self._secret, text_of(value).encode(), "sha256").hex()

    def token(self, value: Json) -> str:
        """``"tok_"`` and 32 letters and digits: the same for the same value, and it tells a number from its text."""
        digest = hmac.digest(self._token_secret, encode(value), "sha256")[:_TOKEN_BYTES]
        return TOKEN_MARK + base64.b32encode(digest).decode().lower()

    def check(self) -> str:
        """By what the secret is known again, without telling anything of it."""
        return hmac.digest(self._secret, b"signalpy audit check", "sha256")[:8].hex()
