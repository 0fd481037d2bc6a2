"""Signed notes (C2SP signed-note): a text, a blank line, and signature lines, with Ed25519 (signature type 0x01)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ED25519: Final = b"\x01"
LONGEST: Final = 1 << 20
"""Bytes of a note beyond which it is not read."""

_DASH: Final = "— "
_KEY_ID: Final = 4
_MOST: Final = 2**64 - 1


class NoteError(ValueError):
    """A note, a key or a signature is not what it should be."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: the key's name, its id (4 bytes), and the signature."""

    name: str
    key_id: bytes
    signature: bytes

    def line(self) -> str:
        """The line without its newline."""
        return f"{_DASH}{self.name} {base64.b64encode(self.key_id + self.signature).decode()}"


@dataclass(frozen=True, slots=True)
class Note:
    """A text that ends with a newline, and its signatures."""

    text: str
    signatures: tuple[Signature, ...]

    def encode(self) -> str:
        """The note as it is kept."""
        return f"{self.text}\n" + "".join(f"{item.line()}\n" for item in self.signatures)

    @classmethod
    def parse(cls, note: str | bytes) -> Note:
        """Reads a note; says nothing of its signatures' truth.

        :raises NoteError: if it is none.
        """
        text = _decoded(note)
        body, blank, lines = text.rpartition("\n\n")
        if not blank or not lines.endswith("\n"):
            raise NoteError("no signed note: expected a text, a blank line and signature lines")
        return cls(body + "\n", tuple(_signature(line) for line in lines[:-1].split("\n")))

    def verified_by(self, verifiers: Iterable[Verifier]) -> list[Verifier]:
        """Those of ``verifiers`` whose signature is on the note.

        :raises NoteError: if a signature that bears a known key's name and id is false.
        """
        good: list[Verifier] = []
        for verifier in verifiers:
            own = [item for item in self.signatures if (item.name, item.key_id) == (verifier.name, verifier.key_id)]
            if any(not verifier.verifies(self.text, item.signature) for item in own):
                raise NoteError(f"the signature of key {verifier.name}+{verifier.key_id.hex()} is false")
            if own:
                good.append(verifier)
        return good


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key: ``name+id+base64``, as C2SP signed-note writes a verifier key."""

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """First 4 bytes of SHA-256 over the name, a newline, the type and the key."""
        return sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:_KEY_ID]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(ED25519 + self.public).decode()}"

    @classmethod
    def parse(cls, vkey: str) -> Verifier:
        """Reads a verifier key.

        :raises NoteError: saying what is wrong with it.
        """
        name, plus, rest = vkey.strip().partition("+")
        key_id, second, encoded = rest.partition("+")
        if not (plus and second and name_is_good(name)):
            raise NoteError("no verifier key: expected NAME+ID+BASE64 on one line")
        data = _base64(encoded)
        if data[:1] != ED25519 or len(data) != 33:
            raise NoteError("no verifier key: expected an Ed25519 key (type 0x01)")
        found = cls(name, data[1:])
        if found.key_id.hex() != key_id:
            raise NoteError(f"the verifier key is damaged: its id is {found.key_id.hex()}, and it says {key_id!r}")
        return found

    def verifies(self, text: str, signature: bytes) -> bool:
        """Whether ``signature`` is this key's over ``text``."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text.encode())
        except (InvalidSignature, ValueError):
            return False
        return True


class Signer:
    """A private key under a name. Its repr tells the name and the id and nothing else."""

    def __init__(self, name: str, private: Ed25519PrivateKey) -> None:
        if not name_is_good(name):
            raise NoteError(f"bad key name {name!r}: it must not be empty nor hold white space or '+'")
        self._private = private
        self.verifier = Verifier(name, private.public_key().public_bytes_raw())

    def __repr__(self) -> str:
        return f"<Signer({self.verifier.name}+{self.verifier.key_id.hex()})>"

    def sign(self, text: str) -> Note:
        """A note over ``text``, which must end with a newline."""
        return Note(text, (self.signature(text),))

    def signature(self, text: str) -> Signature:
        """This key's signature over ``text``."""
        signature = self._private.sign(text.encode())
        return Signature(self.verifier.name, self.verifier.key_id, signature)


def name_is_good(name: str) -> bool:
    """Whether a text can name a key: not empty, no white space, no ``+``."""
    return bool(name) and "+" not in name and not any(mark.isspace() for mark in name)


def number(text: str, what: str) -> int:
    """Reads a size or an index: decimal, without leading zeros (C2SP tlog-checkpoint, tlog-proof), and below 2**64.

    :raises NoteError: naming ``what`` it should have been.
    """
    short = text.isascii() and text.isdecimal() and len(text) <= len(str(_MOST))
    found = int(text) if short else 0
    if not short or str(found) != text or found > _MOST:
        raise NoteError(f"{what} {text[:30]!r}")
    return found


def _decoded(note: str | bytes) -> str:
    if len(note) > LONGEST:
        raise NoteError(f"no signed note: it is longer than {LONGEST} bytes")
    try:
        text = note.decode() if isinstance(note, bytes) else note
    except UnicodeDecodeError:
        raise NoteError("no signed note: it is no UTF-8") from None
    if any(mark < " " and mark != "\n" for mark in text):
        raise NoteError("no signed note: it holds control characters")
    return text


def _signature(line: str) -> Signature:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    data = _base64(encoded)
    if not line.startswith(_DASH) or not space or not name_is_good(name) or len(data) <= _KEY_ID:
        raise NoteError(f"no signed note: bad signature line {line[:60]!r}")
    return Signature(name, data[:_KEY_ID], data[_KEY_ID:])


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise NoteError(f"no base64: {text[:60]!r}") from None
