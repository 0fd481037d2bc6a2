"""SQLite's errors in words that can be read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def legible() -> Iterator[None]:
    """Raises the error of SQLite that was meant where `sqlite3` cannot read its message.

    Of a schema that is damaged SQLite quotes what it found. If that is no UTF-8, `sqlite3` raises `UnicodeDecodeError`
    instead of the error (https://github.com/python/cpython/blob/3.13/Modules/_sqlite/util.c).

    :raises sqlite3.DatabaseError: the message could not be read; what is no text in it is replaced.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        raise sqlite3.DatabaseError(error.object.decode(errors="replace")) from error
