"""Erasing a person: the keys put out of force, a record that commits it, and the keys destroyed.

A crash before the record leaves everything readable, and later records under another key. A crash after it is finished
by the next who opens the trail: `finish` destroys what the log says is erased.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from signalpy_audit_trail.erasures import Erasures
from signalpy_audit_trail.privacy.masking import Mask
from signalpy_audit_trail.store import StoreReader

if TYPE_CHECKING:
    from signalpy_audit_trail.vault.vault import Vault

ACTION: Final = "audit-trail.erase"
_REPLAYED: Final = "erasures of "


class Begun(Struct, frozen=True):
    """An erasure that has begun.

    :param subject: the stored form of the subject.
    :param keys: ids of the keys to be destroyed.
    :param recorded: whether a record names all of them already: a crash, or an error, came before they were destroyed.
    :param known: whether the subject ever had a key.
    """

    subject: str
    keys: tuple[str, ...] = ()
    recorded: bool = False
    known: bool = False


def begin(vault: Vault, reader: StoreReader, subject: str) -> Begun:
    """Put the keys of a subject out of force.

    :raises StoreError: the log cannot be read, or the vault not be written.
    """
    standing = vault.retire(subject)
    recorded = bool(standing.keys) and Erasures(reader).keys().issuperset(standing.keys)
    known = bool(standing.keys or standing.destroyed)
    return Begun(vault.hashed(subject), standing.keys, recorded, known)


def told(begun: Begun, reason: str, subject: str) -> dict[str, Any]:
    """The ``data`` of the record that commits an erasure; the reason does not name the person again."""
    return {"keys": list(begun.keys), "reason": Mask([subject])(reason)}


def answer(begun: Begun, seq: int | None) -> dict[str, Any]:
    """What is told of an erasure: ``{"erased", "subject", "keys", "seq", "message"}``.

    :param seq: the position of its record, if one was written.
    """
    count = len(begun.keys)
    if begun.keys:
        what = f"{count} key{'s' * (count > 1)} destroyed; what was encrypted with {'them' if count > 1 else 'it'}"
        message = f"{what} cannot be read any more"
    elif begun.known:
        message = "nothing to erase: every key of this subject was destroyed before"
    else:
        message = "nothing to erase: no key was ever made for this subject"
    found = {"erased": bool(begun.keys), "subject": begun.subject, "keys": list(begun.keys), "message": message}
    return found if seq is None else {**found, "seq": seq}


def finish(vault: Vault, reader: StoreReader) -> int:
    """Destroy every key that the log says is erased; tell how many were there still.

    :raises StoreError: the log cannot be read, or the vault not be written.
    """
    fact = _REPLAYED + reader.origin
    erasures = Erasures(reader, int(vault.fact(fact) or 0))
    keys = erasures.keys()
    if not keys:
        return 0
    gone = vault.destroy(sorted(keys))
    vault.learn(fact, str(erasures.read_to))
    return gone
