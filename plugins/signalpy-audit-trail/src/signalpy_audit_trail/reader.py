"""Reading a trail offline: no kernel, no event loop, no lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from signalpy_audit_trail import search
from signalpy_audit_trail.privacy.rules import parse_rules
from signalpy_audit_trail.privacy.view import View
from signalpy_audit_trail.safe import read_keys
from signalpy_audit_trail.signing import Verifier
from signalpy_audit_trail.store import StoreReader
from signalpy_audit_trail.stores import as_url, open_reader
from signalpy_audit_trail.summary import summarized
from signalpy_audit_trail.verification import Anchors, Report, verify
from signalpy_audit_trail.versions import in_todays_form

if TYPE_CHECKING:
    from signalpy_audit_trail.vault.vault import Vault


class Trail:
    """A trail that is open for reading; use it as a context manager, from any thread."""

    def __init__(self, reader: StoreReader, vault: Vault | None = None) -> None:
        self._reader = reader
        self._vault = vault
        self._view = View(reader, vault)

    def __repr__(self) -> str:
        return f"<Trail({self._reader.url!r}, size={self._reader.size()})>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return self._reader.size()

    @property
    def origin(self) -> str:
        """The name that was made once with the log; a copy has the same."""
        return self._reader.origin

    def query(self, **filters: Any) -> dict[str, Any]:
        """Return ``{"entries": [record, …], "next": cursor or None}``, or counts with ``count_by``.

        The filters are those of the runnable ``audit-trail.query``; see `signalpy_audit_trail.query`. Payloads of older
        versions come in the latest form for which upcasters are imported; see `signalpy.upcast`. Encrypted values come
        readable where their keys are in reach, and erased ones as ``{"$erased": true}``.

        :raises QueryError: a filter has a value that means nothing.
        :raises StoreError: the trail cannot be read.
        """
        return search.ask(self._reader, filters, self._view)

    def records(self, start: int = 0, stop: int | None = None) -> Iterator[dict[str, Any]]:
        """Yield records by position, in order and in bounded memory; payloads as `query` gives them."""
        for _seq, leaf in self._reader.leaves(start, stop):
            yield in_todays_form(self._view.read(leaf))

    def summary(self) -> dict[str, Any]:
        """Return what the trail is and holds; see `summarized`."""
        return summarized(self._reader)

    def verify(
        self,
        *,
        checkpoint: str | None = None,
        keys: Sequence[str] = (),
        require: Collection[str] = (),
        index: bool = True,
        progress: Callable[[int, int], None] | None = None,
    ) -> Report:
        """Read everything and return what holds and what does not; see `signalpy_audit_trail.verification`.

        :param checkpoint: the text of a signed checkpoint that was kept elsewhere.
        :param keys: public keys (``NAME+ID+BASE64``) that are known to be the log's.
        :param require: checks that count also if what they need was not given.
        :raises StoreError: the trail cannot be read at all.
        :raises NoteError: the checkpoint, or a key, is none.
        """
        anchors = Anchors(checkpoint=checkpoint, keys=[Verifier.parse(key) for key in keys])
        return verify(self._reader, anchors, require=require, index=index, progress=progress)

    def close(self) -> None:
        """Close the trail; harmless when done twice."""
        self._reader.close()
        if self._vault is not None and self._vault.database.path is not None:
            self._vault.close()


def open_trail(
    trail: str | os.PathLike[str],
    *,
    index: str | os.PathLike[str] | None = None,
    keys: str | os.PathLike[str] | None = None,
    privacy: Mapping[str, Any] | None = None,
) -> Trail:
    """Open a trail for reading.

    :param trail: a URL such as ``file:///var/lib/bank/trail``, or the path of a ``file:`` store.
    :param index: where to keep what searching derives. A trail that may not be written keeps it in the user's cache.
    :param keys: folder of the keys; ``<trail>.keys`` beside the trail if not given, as far as it is in reach.
    :param privacy: as in ``[audit-trail.privacy]``: where ``hmac_secret`` and ``key_encryption_key`` are.
    :raises StoreMissing: there is no trail.
    :raises StoreError: the trail cannot be read; the message is one line.
    :raises SecretError: the keys were asked for, or lie beside the trail, and do not fit.
    """
    url = as_url(os.fspath(trail))
    reader = open_reader(url, index=None if index is None else os.fspath(index))
    try:
        return Trail(reader, read_keys(parse_rules(privacy or {}), url, None if keys is None else Path(keys)))
    except BaseException:
        reader.close()
        raise
