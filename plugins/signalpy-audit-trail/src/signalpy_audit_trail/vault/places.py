"""Where a vault and its secrets are, without opening anything."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from signalpy_audit_trail.privacy.rules import KeySource
from signalpy_audit_trail.vault.sources import Source

FILE: Final = "vault.sqlite3"
SECRET_FILE: Final = "hmac.secret"  # noqa: S105 (a name)
KEK_FILE: Final = "kek.key"


class Places:
    """Where a vault and its two secrets are.

    :param folder: of the trail's keys; ``None`` for a trail that has no place among the files of this host.
    :param secret: as configured; a file in the folder, if not given.
    :param kek: likewise.
    """

    def __init__(self, folder: Path | None, secret: KeySource | None = None, kek: KeySource | None = None) -> None:
        self.folder = folder
        self._given = (secret, kek)
        self.secret = self._source("hmac_secret", secret, SECRET_FILE)
        self.kek = self._source("key_encryption_key", kek, KEK_FILE)

    @property
    def file(self) -> Path | None:
        """The vault's file."""
        return None if self.folder is None else self.folder / FILE

    @property
    def exists(self) -> bool:
        """Whether there is a vault."""
        return self.file is not None and self.file.exists()

    @property
    def made(self) -> list[Path]:
        """The files of secrets that the trail makes itself, since the configuration names none."""
        folder = self.folder
        names = (SECRET_FILE, KEK_FILE)
        return (
            []
            if folder is None
            else [folder / name for name, given in zip(names, self._given, strict=True) if given is None]
        )

    def _source(self, name: str, given: KeySource | None, file: str) -> Source | None:
        if given is None:
            return None if self.folder is None else Source(name, f"file:{self.folder / file}")
        return Source(name, given)
