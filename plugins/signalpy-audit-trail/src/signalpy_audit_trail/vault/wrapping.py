"""The key-encryption key: wraps data keys, so that the vault alone opens nothing. Pure."""

from __future__ import annotations

import hmac
import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE: Final = 12


class KeyEncryptionKey:
    """AES-256-GCM with a random nonce; the associated data are the id of the data key.

    :param key: 32 bytes.
    :ivar id: by which the key is known again; it tells nothing of the key.
    """

    __slots__ = ("_cipher", "id")

    def __init__(self, key: bytes) -> None:
        self.id = hmac.digest(key, b"signalpy audit key-encryption key", "sha256")[:8].hex()
        self._cipher = AESGCM(key)

    def __repr__(self) -> str:
        return f"<KeyEncryptionKey({self.id!r})>"

    def wrap(self, id: str, key: bytes) -> bytes:
        """The data key ``id`` as it is stored: nonce, ciphertext and tag."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher.encrypt(nonce, key, id.encode())

    def unwrap(self, id: str, wrapped: bytes) -> bytes:
        """The data key ``id``.

        :raises ValueError: it was wrapped with another key, or under another id, or it was changed.
        """
        try:
            return self._cipher.decrypt(wrapped[:_NONCE], wrapped[_NONCE:], id.encode())
        except InvalidTag:
            raise ValueError(f"data key {id} does not open") from None
