"""The keys that sign checkpoints, in a folder of their own that no copy of the trail contains.

``<trail>.keys/`` has mode 0700 and holds ``signing.key`` (0600: name and seed of the key in force), and
``public.keys``: every verifier key that ever signed, the oldest first, so that old checkpoints can still be checked
after a rotation. A key on the same host proves nothing against that host's administrator; checkpoints that are kept
elsewhere do.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from signalpy.errors import SignalPyError
from signalpy_audit_trail.private import alone, replace_file
from signalpy_audit_trail.signing.note import NoteError, Signer, Verifier, name_is_good

PRIVATE: Final = "signing.key"
PUBLIC: Final = "public.keys"
_PREFIX: Final = "PRIVATE+KEY+"


class KeyFileError(SignalPyError, OSError):
    """A key file is missing, unreadable, open to others, or damaged. ``path`` tells which."""

    def __init__(self, problem: str, path: Path) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path


class Keys:
    """The folder of keys of one trail."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __repr__(self) -> str:
        return f"<Keys({str(self.folder)!r})>"

    def exists(self) -> bool:
        """Whether there is a key that signs."""
        return (self.folder / PRIVATE).exists()

    def ensure(self, name: str) -> Signer:
        """The key in force; made if there is none, by one process at a time.

        :raises KeyFileError: as `signer`, or if the folder cannot be made.
        """
        if not self.exists():
            with self._turn():
                if not self.exists():
                    return self._made(name)
        return self.signer()

    def make(self, name: str) -> Signer:
        """Makes a key and puts it in force; keys that were in force stay among the public ones. Durable on return.

        :raises KeyFileError: if the folder cannot be made or written, or the public keys are damaged.
        """
        with self._turn():
            return self._made(name)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """The folder, made if there is none, held against others who make a key."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with alone(self.folder):
                yield
        except KeyFileError:
            raise
        except OSError as error:
            raise KeyFileError(f"no key can be made ({error.strerror or error})", self.folder) from None

    def _made(self, name: str) -> Signer:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        signer = Signer(name, Ed25519PrivateKey.generate())
        self._write(PUBLIC, "".join(f"{item}\n" for item in [*self.verifiers(), signer.verifier]))
        self._write(PRIVATE, _encoded(signer))
        return signer

    def signer(self) -> Signer:
        """The key in force.

        :raises KeyFileError: if there is none, others may read it, or it is damaged.
        """
        mode, signer = self._in_force()
        if mode & 0o077:
            problem = f"the signing key is open to others (mode {mode & 0o777:03o}). Run: chmod 600"
            raise KeyFileError(problem, self.folder / PRIVATE)
        return signer

    def verifiers(self) -> list[Verifier]:
        """Every public key that ever was in force, the oldest first.

        That of the signing key is among them also where the file of public keys was lost.

        :raises KeyFileError: if the file is damaged.
        """
        known = self._listed()
        try:
            current = self._in_force()[1].verifier
        except KeyFileError:
            return known
        return known if current in known else [*known, current]

    def _in_force(self) -> tuple[int, Signer]:
        """The mode of the signing key's file, and the key."""
        path = self.folder / PRIVATE
        try:
            mode, text = path.stat().st_mode, path.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise KeyFileError(f"the signing key cannot be read ({type(error).__name__})", path) from None
        return mode, _decoded(text, path)

    def _listed(self) -> list[Verifier]:
        path = self.folder / PUBLIC
        try:
            lines = path.read_text().splitlines()
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as error:
            raise KeyFileError(f"the public keys cannot be read ({type(error).__name__})", path) from None
        try:
            return [Verifier.parse(line) for line in lines if line]
        except NoteError as error:
            raise KeyFileError(str(error), path) from None

    def _write(self, name: str, text: str) -> None:
        replace_file(self.folder / name, text.encode())


def _encoded(signer: Signer) -> str:
    verifier = signer.verifier
    seed = base64.b64encode(b"\x01" + signer._private.private_bytes_raw()).decode()
    return f"{_PREFIX}{verifier.name}+{verifier.key_id.hex()}+{seed}\n"


def _decoded(text: str, path: Path) -> Signer:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    name, _, rest = text.strip().removeprefix(_PREFIX).partition("+")
    key_id, _, encoded = rest.partition("+")
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if not text.startswith(_PREFIX) or not name_is_good(name) or len(data) != 33 or data[:1] != b"\x01":
        raise KeyFileError("the signing key is damaged: expected PRIVATE+KEY+NAME+ID+BASE64", path)
    signer = Signer(name, Ed25519PrivateKey.from_private_bytes(data[1:]))
    if signer.verifier.key_id.hex() != key_id:
        raise KeyFileError("the signing key is damaged: its id does not fit", path)
    return signer
