"""What a leaf holds: one record, as it is stored. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from signalpy_audit_trail.store import StoreDamaged

_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


def decoded(leaf: bytes, url: str) -> dict[str, Any]:
    """The record that a leaf holds, as it is stored.

    :raises StoreDamaged: it is no JSON object.
    """
    try:
        return _decode(leaf)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        seq = leaf[7:27].partition(b",")[0].decode("ascii", "replace")
        message = f"{url}: record {seq} is damaged: expected a JSON object; restore its segment from a copy"
        raise StoreDamaged(message, url=url, seq=seq) from None


def decoded_all(leaves: Sequence[bytes], url: str) -> list[dict[str, Any]]:
    """The records that leaves hold; raises as `decoded` does."""
    try:
        return list(map(_decode, leaves))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return [decoded(leaf, url) for leaf in leaves]  # which tells of the first that cannot be read


def position(leaf: bytes) -> int:
    """The position of a leaf, which is the first member of every one."""
    return int(leaf[len(b'{"seq":') :].partition(b",")[0].rstrip(b"}"))
