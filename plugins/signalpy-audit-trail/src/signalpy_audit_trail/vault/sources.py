"""Where the two secrets come from: files, the environment, or a function of the application."""

from __future__ import annotations

import base64
import binascii
import os
import re
import secrets
from pathlib import Path
from typing import Final

from signalpy.errors import ConfigError
from signalpy_audit_trail.privacy.rules import KeySource
from signalpy_audit_trail.private import replace_file

SECRET_BYTES: Final = 32
_HEX: Final = re.compile(r"[0-9a-fA-F]{64}")
_MOST: Final = 4096


class SecretError(ConfigError, OSError):
    """A secret is missing, unreadable, open to others, damaged, or not the one that the vault was made with."""


class Source:
    """One secret of 32 bytes.

    :param name: the key of the configuration that says where it is.
    :param given: ``"file:PATH"``, ``"env:NAME"`` or a callable.
    """

    def __init__(self, name: str, given: KeySource) -> None:
        self.name = name
        self._given = given

    def __repr__(self) -> str:
        return f"<Source({self.name!r}, {self.place!r})>"

    @property
    def place(self) -> str:
        """Where it comes from, in words."""
        return self._given if isinstance(self._given, str) else "a callable"

    @property
    def path(self) -> Path | None:
        """The file that holds it, if one does."""
        kind, _, name = self.place.partition(":")
        return Path(name) if kind == "file" else None

    def read(self) -> bytes:
        """The secret, as it is now.

        :raises SecretError: one line that tells what is wrong, and nothing of the secret.
        """
        path = self.path
        if path is not None:
            return self._decoded(_file(path, self.name))
        if isinstance(self._given, str):
            variable = self._given.partition(":")[2]
            if variable not in os.environ:
                raise self._wrong(f"the environment has no variable {variable}")
            return self._decoded(os.environ[variable])
        try:
            value = self._given()
        except Exception as error:
            raise self._wrong(f"the callable raised {type(error).__name__}") from error
        return self._decoded(value)

    def _decoded(self, value: object) -> bytes:
        raw = value if isinstance(value, bytes) else decoded(value) if isinstance(value, str) else None
        if raw is None or len(raw) != SECRET_BYTES:
            raise self._wrong(
                f"expected {SECRET_BYTES} bytes in base64 or hexadecimal, as `openssl rand -base64 32` makes them"
            )
        return raw

    def _wrong(self, problem: str) -> SecretError:
        return SecretError(f"privacy.{self.name} ({self.place}): {problem}", key=f"privacy.{self.name}")


def decoded(text: str) -> bytes | None:
    """The bytes that a text in base64 or hexadecimal stands for."""
    text = text.strip()
    try:
        return bytes.fromhex(text) if _HEX.fullmatch(text) else base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def encoded(secret: bytes) -> bytes:
    """A secret as its file holds it."""
    return base64.b64encode(secret) + b"\n"


def make_file(path: Path) -> None:
    """Make a file with a new secret, for its owner only; durable on return."""
    replace_file(path, encoded(secrets.token_bytes(SECRET_BYTES)))


def _file(path: Path, name: str) -> str:
    try:
        mode = path.stat().st_mode
        with path.open("rb") as file:
            text = file.read(_MOST)
    except OSError as error:
        problem = f"the file cannot be read ({error.strerror or type(error).__name__})"
        raise SecretError(f"privacy.{name}: {path}: {problem}", key=f"privacy.{name}") from None
    if mode & 0o077:
        problem = f"the file is open to others (mode {mode & 0o777:03o}). Run: chmod 600 {path}"
        raise SecretError(f"privacy.{name}: {problem}", key=f"privacy.{name}")
    return text.decode("utf-8", "replace")
