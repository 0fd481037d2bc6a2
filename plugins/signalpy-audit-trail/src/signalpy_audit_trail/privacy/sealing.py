"""Encrypting a value under the key of one subject. Pure.

AES-256-GCM (NIST SP 800-38D). The associated data are the id of the record, a NUL, and the path of the value from the
record's root: a sealed value that is moved to another place does not open. The nonce is derived from the value and its
place with a key of its own (as in RFC 5297), so that the same value at the same place is always the same text, by
which a repeated delivery is known, and a restored process cannot use a nonce twice for different values.
"""

from __future__ import annotations

import base64
import hmac
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from signalpy_audit_trail.encoding import encode
from signalpy_audit_trail.fieldpath import Json
from signalpy_audit_trail.privacy.sealed import MARK

KEY_BYTES: Final = 32
_NONCE: Final = 12
_PURPOSE: Final = b"signalpy audit nonce"


class DataKey:
    """A data key that is ready for use.

    :param key: 32 bytes.
    """

    __slots__ = ("_cipher", "_nonces", "id")

    def __init__(self, id: str, key: bytes) -> None:
        self.id = id
        self._cipher = AESGCM(key)
        self._nonces = hmac.digest(key, _PURPOSE, "sha256")

    def __repr__(self) -> str:
        return f"<DataKey({self.id!r})>"

    def seal(self, value: Json, place: bytes) -> Json:
        """What is stored for ``value``: ``{"$encrypted": {"key", "data"}}``, the latter in base64."""
        return {MARK: {"key": self.id, "data": base64.b64encode(self.seal_bytes(encode(value), place)).decode()}}

    def seal_bytes(self, text: bytes, place: bytes) -> bytes:
        """Nonce, ciphertext and tag."""
        nonce = hmac.digest(self._nonces, b"%d:%b%b" % (len(place), place, text), "sha256")[:_NONCE]
        return nonce + self._cipher.encrypt(nonce, text, place)

    def open_bytes(self, sealed: bytes, place: bytes) -> bytes:
        """What was sealed.

        :raises ValueError: it was not sealed with this key, or not for this place, or it was changed.
        """
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], place)
        except InvalidTag:
            raise ValueError("it does not open with this key at this place") from None
