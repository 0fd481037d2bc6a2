"""The contract of a store: what keeps a trail, and what reads one.

A **driver** is found by the scheme of a URL in the entry-point group ``signalpy.audit_stores``. It opens a trail for
writing (`Store`) or for reading (`StoreReader`). The words MUST, MUST NOT and MAY are meant as in RFC 2119.

A trail is a sequence of **leaves**, numbered from 0 without a hole. A leaf is one JSON object whose first member is its
``seq``; its bytes MUST be given back as they were appended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from signalpy.errors import SignalPyError

if TYPE_CHECKING:
    from signalpy_audit_trail.query import Filters


class StoreError(SignalPyError, OSError):
    """The trail cannot be opened, read or written as it should be."""


class UnknownStore(StoreError, ValueError):
    """No driver answers to this URL. ``url`` and ``known`` (schemes) tell more."""


class StoreMissing(StoreError):
    """There is no trail here (which is not the same as an empty one). ``path`` tells where."""


class StoreForeign(StoreError):
    """Something else than a trail is here. ``path`` tells what."""


class StoreFormat(StoreError):
    """The trail has a format that this version does not know. ``found`` and ``known`` tell which."""


class StoreDamaged(StoreError):
    """A part of the trail is missing or is not what it must be. ``path``, and ``seq`` where known, tell where."""


class LogRolledBack(StoreDamaged):
    """The log is shorter than what it is known to have held. ``expected`` and ``found`` are sizes in records."""


class StoreForked(StoreError):
    """The process was forked: the trail belongs to the parent, and the child must open it anew."""


class StoreClosed(StoreError):
    """The trail was closed before."""


class StoreBusy(StoreError):
    """Another process held its turn for too long. ``waited`` is in seconds. Nothing was written."""

    retry = True


class WriteFailed(StoreError):
    """The records of this turn could not be made durable; none of them counts as written. ``code`` is the errno."""

    retry = True


class IndexState(NamedTuple):
    """What a comparison of the index with the leaves found."""

    size: int | None
    """How many leaves it knows; `None` where there is no index that can be read."""
    difference: str = ""
    """The first difference, in words."""
    seq: int | None = None
    """At which leaf."""


class Turn(Protocol):
    """The right to append, held by one writer at a time. `Store.turn` gives it."""

    @property
    def size(self) -> int:
        """Position of the next leaf. Every leaf below it is there, those of other writers too."""

    def held(self, ids: Iterable[str]) -> Mapping[str, Sequence[tuple[int, bytes]]]:
        """Return for each id that is held the positions and leaves whose ``id`` or ``duplicate_of`` it is.

        MUST find what any writer appended before this turn. Ids that nobody holds are left out.
        """

    def append(self, leaves: Sequence[bytes]) -> None:
        """Append ``leaves``, whose ``seq`` starts at `size`; they are durable when this returns.

        MUST keep all of them or none that counts: after a crash a prefix MAY be there, a hole MUST NOT. No leaves are
        no error, and change nothing.

        :raises WriteFailed: the medium refuses. A later turn MAY succeed.
        """


class Unclean(Protocol):
    """A writer that stopped without closing the trail."""

    @property
    def process(self) -> int:
        """Its process id."""

    @property
    def started(self) -> str:
        """When it had opened the trail: UTC, RFC 3339."""


class Store(Protocol):
    """A trail that is open for writing. Not for use from several threads at once, but for `reader`.

    A child of the process that opened it MUST NOT be able to write through it, nor hold or release what belongs to the
    parent.
    """

    @property
    def url(self) -> str:
        """Where the trail is, without secrets."""

    @property
    def origin(self) -> str:
        """The name that was made once with the log. It MUST NOT follow from its place."""

    @property
    def size(self) -> int:
        """Leaves known to this writer. Others may have appended more since its last turn."""

    @property
    def unclean(self) -> Sequence[Unclean]:
        """Writers found on opening that had stopped without closing. They stay until `settle_unclean`."""

    def settle_unclean(self) -> None:
        """Forget `unclean`: to be called once the ``gap`` records that tell of them are durable."""

    def prepare(self, ids: Sequence[str]) -> None:
        """Do what makes `Turn.held` fast for ``ids``, outside of a turn. MAY do nothing."""

    def turn(self) -> AbstractContextManager[Turn]:
        """Wait for the turn of this writer and hold it.

        Writers SHOULD get their turns fairly, and MUST NOT be kept waiting without an end.

        :raises StoreForked: in a child of the process that opened it.
        :raises StoreClosed: after `close`.
        :raises StoreBusy: another writer does not let go.
        :raises StoreDamaged: what others left is not a trail any more.
        :raises WriteFailed: the medium is still not fit for writing after a failed turn.
        """

    def head(self) -> tuple[int, bytes]:
        """Return size and root hash (RFC 6962) of the tree over leaves that are durable, the tree itself made durable.

        Takes a turn; raises as `turn` does. MAY be behind `size` where the tree could not be written.
        """

    def keep_checkpoint(self, note: str) -> bool:
        """Keep a signed checkpoint of this trail durably, unless one of more records is kept; tell whether it was.

        MUST give it back as it is. Whether it is true is for those to say who verify: a signature, or a size that the
        log does not have, MUST NOT be judged here.

        Takes a turn; raises as `turn` does.
        """

    def reader(self) -> StoreReader:
        """Return a reader of the same trail, for any thread. It is closed by its user."""

    def close(self) -> None:
        """Let go of everything; harmless when done twice. Leaves are durable already."""


class StoreReader(Protocol):
    """A trail that is open for reading; any number at a time, from any thread, without holding up a writer."""

    @property
    def url(self) -> str:
        """Where the trail is, without secrets."""

    @property
    def origin(self) -> str:
        """The name that was made once with the log."""

    def size(self) -> int:
        """Return the number of whole leaves that are there now."""

    def leaves(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, bytes]]:
        """Yield positions and leaves from ``start`` to before ``stop`` (or to the end), in order, in bounded memory.

        :raises StoreDamaged: a leaf is missing or is not at its place.
        """

    def tree_size(self) -> int:
        """Return how many leaves the kept tree covers. MAY be behind `size`, MUST NOT be ahead of it."""

    def nodes(self, level: int, start: int, stop: int) -> bytes:
        """Return the complete nodes of a level (0: leaves) of the kept tree (RFC 6962), 32 bytes each, in one piece.

        Node ``n`` of level ``k`` stands over the ``2**k`` leaves from ``n << k`` on. MUST come from what was stored
        when the leaves were appended, and not from the leaves anew.

        :raises StoreDamaged: it is not there.
        """

    def torn(self) -> int:
        """Return how many bytes lie behind the last whole leaf, as a crash or a copy of a live trail may leave them."""

    def reindex(self) -> int:
        """Throw away what searching derived and derive it anew; return how many leaves it knows."""

    def check_index(self) -> IndexState:
        """Compare what searching derived with the leaves. MUST NOT change anything."""

    def checkpoint(self) -> str | None:
        """Return the last signed checkpoint that `Store.keep_checkpoint` was given, if there is one."""

    def search(self, filters: Filters, *, head: int, after: int | None, descending: bool, limit: int) -> list[bytes]:
        """Return up to ``limit`` leaves below ``head`` that pass, by position, those beyond ``after`` only.

        MUST know every leaf below ``head``, whatever its index had known before.
        """

    def count(self, filters: Filters, by: str, *, head: int) -> Mapping[str | None, int]:
        """Count the leaves below ``head`` that pass, by the values of a field; `None` counts those without it."""

    def close(self) -> None:
        """Let go of everything; harmless when done twice."""


@runtime_checkable
class IndexInParts(Protocol):
    """What a `StoreReader` MAY offer besides: the work of `StoreReader.check_index` in parts, for several processes.

    Each process opens the trail by its URL with ``index=index_place``. What all parts find together MUST be what
    `StoreReader.check_index` finds.
    """

    @property
    def index_place(self) -> str | None:
        """The ``index`` with which `Driver.read` is to be called, so that the same index is seen."""

    def index_parts(self, count: int) -> Sequence[str]:
        """Return the names of parts that are enough for ``count`` processes, what takes longest first; at least one."""

    def check_index_part(self, part: str, told: Callable[[int], None]) -> IndexState:
        """Compare one part; ``told`` is called with the number of leaves compared since it was called last."""


class Driver(Protocol):
    """What an entry point in ``signalpy.audit_stores`` names; the entry point's name is the scheme."""

    def open(self, location: str, *, guest: bool = False, **options: Any) -> Store:
        """Open the trail at ``location`` for writing, making it if nothing is there.

        :param location: the URL after the scheme's colon.
        :param guest: a short visit, such as one command; MUST NOT count as a writer that may stop uncleanly.
        :raises StoreForeign: something else is there.
        :raises StoreFormat: the trail is of a later version.
        :raises LogRolledBack: there are fewer leaves than the checkpoint that is kept says. Reading MUST go on.
        :raises StoreError: one line, as all of these are; nothing was altered.
        """

    def read(self, location: str, *, index: str | None = None) -> StoreReader:
        """Open the trail at ``location`` for reading. The trail itself MUST NOT be changed when it is not writable.

        :param index: where to keep what searching derives, if not at the store's own place.
        :raises StoreMissing: there is no trail.
        :raises StoreError: one line; nothing was altered.
        """

    def path(self, location: str) -> Path | None:
        """Return the file or folder that the trail is; `None` where it has no place among the files of this host."""

    def writable(self, location: str) -> bool:
        """Tell whether this process may append to the trail at ``location``."""
