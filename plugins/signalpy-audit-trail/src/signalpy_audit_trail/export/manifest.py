"""The manifest of an export: which records of which log its rows are, and the proof of it; JSON, one object a line.

::

    {"line":"head","format":"csv","version":1,"origin":…,"size":N,"root":…,"checkpoint":note|null,"filters":{…},"made":…}
    {"line":"skip","level":L,"hash":…}          a subtree of records that are not in the export
    {"line":"row","seq":S,"record":…,"length":…,"sha256":…}
    {"line":"end","rows":R,"bytes":B,"sha256":…}

Leaves and skipped subtrees, from left to right, fold into the root of the tree of ``size`` records. Hashes are base64.
A row has ``record``, the stored line, unless the row itself is that line; and it has ``length`` and ``sha256`` where a
reader saw the record otherwise than it was stored (decrypted, erased, in a later version), so that the row does not
follow from the stored line alone. Pure.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Final, TypeAlias

import msgspec

from signalpy.errors import SignalPyError
from signalpy_audit_trail.merkle import HASH_SIZE

VERSION: Final = 1
HIGHEST: Final = 62
"""The highest level of a subtree: positions have 63 bits."""

Number: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]


class ManifestError(SignalPyError, ValueError):
    """A manifest, or an export by it, cannot be read. ``line`` tells where, counted from 1."""


class Head(msgspec.Struct, frozen=True, kw_only=True, tag="head", tag_field="line"):
    """What was exported, out of which log.

    :param size: records of the log at that moment.
    :param root: root hash of the tree over them, base64.
    :param checkpoint: the signed note over that size and root; ``None`` if it could not be signed.
    :param filters: what was asked for.
    :param made: when, RFC 3339.
    """

    format: str
    version: int = VERSION
    origin: str
    size: Number
    root: str
    checkpoint: str | None = None
    filters: dict[str, Any] = {}
    made: str


class Skip(msgspec.Struct, frozen=True, tag="skip", tag_field="line"):
    """A complete subtree of ``2**level`` records that are not in the export."""

    level: Annotated[int, msgspec.Meta(ge=0, le=HIGHEST)]
    hash: str


class Row(msgspec.Struct, frozen=True, omit_defaults=True, tag="row", tag_field="line"):
    """One row of the export."""

    seq: Number
    record: str | None = None
    length: Number | None = None
    sha256: str | None = None


class End(msgspec.Struct, frozen=True, tag="end", tag_field="line"):
    """The whole export: number of rows, and size and SHA-256 (hexadecimal) of its bytes."""

    rows: Number
    bytes: Number
    sha256: str


Line: TypeAlias = Head | Skip | Row | End
_decoder: Final = msgspec.json.Decoder(Line)


def written(line: Line) -> bytes:
    """Return a line as it stands in the file."""
    return msgspec.json.encode(line) + b"\n"


def read(lines: Iterable[bytes]) -> Iterator[Line]:
    """Yield what each line says: a head, then rows and skips, then the end.

    :raises ManifestError: a line says something else, or the end is missing.
    """
    number, found = 0, None
    for number, text in enumerate(lines, 1):
        if isinstance(found, End):
            raise ManifestError("the manifest goes on after its end", line=number)
        found = _line(text, number)
        if isinstance(found, Head) != (number == 1):
            raise ManifestError(f"line {number}: expected {'a head' if number == 1 else 'no second head'}", line=number)
        yield found
    if not isinstance(found, End):
        raise ManifestError(f"the manifest breaks off after line {number}: it has no end", line=number)


def _line(text: bytes, number: int) -> Line:
    try:
        found: Line = _decoder.decode(text)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        advice = "give the file that `signalpy audit export --manifest` wrote"
        raise ManifestError(f"line {number}: no line of a manifest; {advice}", line=number) from None
    if isinstance(found, Head) and found.version != VERSION:
        message = f"the manifest has version {found.version}, and this release reads version {VERSION}"
        raise ManifestError(message, line=number)
    return found


def encoded(digest: bytes) -> str:
    """Return a hash as text."""
    return base64.b64encode(digest).decode()


def decoded(text: str, number: int) -> bytes:
    """Return the hash that a text stands for.

    :raises ManifestError: it is none.
    """
    try:
        digest = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != HASH_SIZE:
        raise ManifestError(f"line {number}: expected a SHA-256 in base64", line=number)
    return digest
