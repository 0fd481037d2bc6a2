"""Writing an export and its manifest, row by row."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, BinaryIO, TypeAlias

from msgspec import structs

from signalpy_audit_trail.export.formats.contract import Format
from signalpy_audit_trail.export.manifest import End, Head, Row, Skip, encoded, written
from signalpy_audit_trail.export.seen import seen
from signalpy_audit_trail.export.selection import selected
from signalpy_audit_trail.export.spans import Fold, spans
from signalpy_audit_trail.merkle import leaf_hash, root_at
from signalpy_audit_trail.moments import rfc3339
from signalpy_audit_trail.privacy.view import View
from signalpy_audit_trail.query import Filters
from signalpy_audit_trail.record import stamp
from signalpy_audit_trail.signing import Checkpoint, Note
from signalpy_audit_trail.store import StoreDamaged, StoreReader

Progress: TypeAlias = Callable[[int, int], None]
"""Is told at which position the export is, and how many there are."""


class Source:
    """What is exported: the records of a trail that pass, as far as one head of it goes.

    :param view: how what is protected is read.
    :param checkpoint: a signed checkpoint of the trail, whose size is the head; without one the head is what is there.
    :param given: the filters as the user gave them, for the manifest; as they are, if not given.
    """

    def __init__(
        self,
        reader: StoreReader,
        view: View,
        *,
        filters: Filters | None = None,
        given: Mapping[str, Any] | None = None,
        checkpoint: str | None = None,
    ) -> None:
        self.reader = reader
        self.view = view
        self.filters = filters or Filters()
        self.given = dict(given) if given is not None else _as_given(self.filters)
        self.checkpoint = checkpoint
        self.size = self._signed().size if checkpoint is not None else min(reader.size(), reader.tree_size())

    def __repr__(self) -> str:
        return f"<{type(self).__name__}({self.reader.url!r}, size={self.size})>"

    def head(self, form: Format) -> Head:
        """Return the first line of a manifest."""
        root = self._signed().root if self.checkpoint is not None else root_at(self.size, self.node)
        return Head(
            format=form.name,
            origin=self.reader.origin,
            size=self.size,
            root=encoded(root),
            checkpoint=self.checkpoint,
            filters=self.given,
            made=stamp(datetime.now(UTC)),
        )

    def records(self) -> Iterator[tuple[int, bytes]]:
        """Yield position and stored line of what is exported, in order."""
        return selected(self.reader, self.view, self.filters, head=self.size)

    def node(self, level: int, index: int) -> bytes:
        """Return a complete node of the kept tree."""
        return self.reader.nodes(level, index, index + 1)

    def _signed(self) -> Checkpoint:
        return Checkpoint.parse(Note.parse(self.checkpoint or "").text)


def _as_given(filters: Filters) -> dict[str, Any]:
    asked = {name: value for name, value in structs.asdict(filters).items() if value not in (None, True)}
    return asked | {name: rfc3339(asked[name]) for name in ("since", "until") if name in asked}


class Counted:
    """A binary stream that counts and hashes what is written through it; it cannot go back."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._hash = hashlib.sha256()
        self.bytes = 0
        self.closed = False

    def write(self, data: bytes) -> int:
        """Write all of ``data``."""
        self._out.write(data)
        self._hash.update(data)
        self.bytes += len(data)
        return len(data)

    def flush(self) -> None:
        """Pass on what the stream may hold back."""
        self._out.flush()

    def tell(self) -> int:
        """Return how many bytes were written."""
        return self.bytes

    def seekable(self) -> bool:
        """Never: `False`."""
        return False

    def readable(self) -> bool:
        """Never: `False`."""
        return False

    def writable(self) -> bool:
        """Always: `True`."""
        return True

    def close(self) -> None:
        """Leave the stream open for who gave it."""

    def sha256(self) -> str:
        """Return the digest of what was written, in hexadecimal."""
        return self._hash.hexdigest()


def write_export(
    source: Source,
    form: Format,
    out: BinaryIO,
    manifest: BinaryIO | None = None,
    *,
    progress: Progress | None = None,
) -> End:
    """Write the rows of ``source`` to ``out``, and what proves them to ``manifest``.

    Memory does not grow with the number of records. Both streams stay open.

    :raises StoreDamaged: the records do not belong to the tree whose head is to prove them.
    :raises StoreError: the trail cannot be read.
    :raises OSError: a stream cannot be written.
    """
    counted = Counted(out)
    proof = _Proof(source, form, manifest) if manifest is not None else None
    rows = 0
    writer = form.writer(counted)  # type: ignore[arg-type]  # as much of a stream as a format may use
    for seq, leaf in source.records():
        row, told = _row(source, form, seq, leaf)
        writer.add(row)
        rows += 1
        if proof is not None:
            proof.row(leaf, told)
        if progress is not None:
            progress(seq + 1, source.size)
    writer.close()
    end = End(rows, counted.bytes, counted.sha256())
    if proof is not None:
        proof.end(end)
    return end


class _Proof:
    """Writes a manifest, and folds what it names into a root, as who checks it will."""

    def __init__(self, source: Source, form: Format, out: BinaryIO) -> None:
        self._source = source
        self._out = out
        self._head = source.head(form)
        self._fold = Fold()
        out.write(written(self._head))

    def row(self, leaf: bytes, told: Row) -> None:
        """Name the next row, and what lies between the one before and this."""
        self._skip_to(told.seq)
        self._fold.add(leaf_hash(leaf))
        self._out.write(written(told))

    def end(self, end: End) -> None:
        """Name the end, if all that was named leads to the head.

        :raises StoreDamaged: it does not.
        """
        self._skip_to(self._source.size)
        if encoded(self._fold.root()) != self._head.root:
            url, size = self._source.reader.url, self._source.size
            problem = f"the records do not belong to the tree of {size} records that would prove them"
            raise StoreDamaged(f"{url}: {problem}. Run: signalpy audit verify", path=url)
        self._out.write(written(end))

    def _skip_to(self, seq: int) -> None:
        for span in spans(self._fold.size, seq):
            node = self._source.node(span.level, span.index)
            self._fold.add(node, span.level)
            self._out.write(written(Skip(span.level, encoded(node))))


def _row(source: Source, form: Format, seq: int, leaf: bytes) -> tuple[bytes, Row]:
    entry, differs = seen(source.view, leaf, source.reader.url)
    stored = leaf.decode()
    if not differs:
        return (leaf + b"\n", Row(seq)) if form.verbatim else (form.row(entry), Row(seq, stored))
    row = form.row(entry)
    return row, Row(seq, stored, len(row), hashlib.sha256(row).hexdigest())
