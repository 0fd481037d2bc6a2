"""What a verification consists of, in tasks that do not depend on each other, and what is found by each."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from signalpy_audit_trail.store import StoreReader
from signalpy_audit_trail.verification.chunk import Chunk, check_chunk
from signalpy_audit_trail.verification.index import PartFound, check_part

Told: TypeAlias = Callable[[int], None]


class Run(msgspec.Struct, frozen=True, tag=True):
    """The records from ``start`` to before ``stop``, as `check_chunk` takes them."""

    start: int
    stop: int
    covered: int
    marks: tuple[int, ...]


class Part(msgspec.Struct, frozen=True, tag=True):
    """A part of the comparison of the index; its reader knows which."""

    name: str


Task: TypeAlias = Run | Part
Found: TypeAlias = Chunk | PartFound


def do(task: Task, reader: StoreReader, told: Told) -> Found:
    """Do a task.

    :param told: called with the number of records that were looked at since it was called last.
    :raises StoreError: the records cannot be read at all.
    """
    if isinstance(task, Run):
        return check_chunk(reader, (task.start, task.stop), task.covered, task.marks, told)
    return check_part(reader, task.name, told)
