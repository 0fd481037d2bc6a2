"""An encrypted value as it is stored, ``{"$encrypted": {"key": id, "data": base64}}``. Pure, without cryptography."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final, Protocol

import msgspec

from signalpy_audit_trail.fieldpath import Json

MARK: Final = "$encrypted"


class Opens(Protocol):
    """A key that opens what it has sealed."""

    def open_bytes(self, sealed: bytes, place: bytes) -> bytes:
        """What was sealed.

        :raises ValueError: it was not sealed with this key, or not for this place, or it was changed.
        """


class Sealed(msgspec.Struct, frozen=True):
    """A sealed value as it is stored."""

    key: str
    data: str

    def open(self, key: Opens, place: bytes) -> Json:
        """The value.

        :raises ValueError: it does not open.
        """
        try:
            raw = base64.b64decode(self.data, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("it was cut or damaged") from None
        value: Json = msgspec.json.decode(key.open_bytes(raw, place))
        return value


def sealed(value: Any) -> Sealed | None:
    """``value`` as a sealed one, if it looks like one."""
    if not isinstance(value, dict) or len(value) != 1:
        return None
    parts = value.get(MARK)
    if not isinstance(parts, dict) or len(parts) != 2:
        return None
    key, data = parts.get("key"), parts.get("data")
    return Sealed(key, data) if isinstance(key, str) and isinstance(data, str) else None


def place(id: str, path: str) -> bytes:
    """The associated data of a value at ``path`` (from the record's root) in the record ``id``."""
    return f"{id}\0{path}".encode()
