"""The least that a recorder does which makes operations durable: a record with the members that an auditor asks for.

It has neither a tree nor an index, no privacy, no limits, no modes and no repeats, and hands its bytes to the bare
group commit. What its kernel and its encoder cost, no recorder on this bus can save.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import uuid_utils
from msgspec import UNSET, Struct, UnsetType
from msgspec.json import Encoder

from benchmarks.limits import GroupCommit
from signalpy import Kernel, hookimpl
from signalpy.hookspecs import Proceed
from signalpy.operation import Call, Operation, Publication


class Line(Struct, omit_defaults=True):
    """What is written of an operation."""

    id: str
    operation_id: str
    time: datetime
    recorded_at: datetime
    kind: str
    action: str
    actor: str | None
    caller: str
    outcome: str
    correlation_id: str
    origin: Mapping[str, Any]
    data: Any | UnsetType = UNSET
    subjects: Sequence[str] = ()


class Recorder:
    """Its hook.

    :param intents: whether an invocation is durable before it runs, too, as in strict mode.
    """

    def __init__(self, log: GroupCommit, *, intents: bool) -> None:
        self._log = log
        self._intents = intents
        self._encode = Encoder().encode
        self._origin = {"application": "benchmarks", "host": "vm", "process": 4711}

    @hookimpl
    async def signalpy_record(self, operation: Operation, proceed: Proceed) -> None:
        """Around every operation."""
        if self._intents and isinstance(operation, Call):
            await self._append(operation, "intent", operation.params)
        result = await proceed()
        if isinstance(operation, Publication):
            await self._append(operation, operation.outcome, operation.data, operation.occurred_at, operation.subject)
        else:
            await self._append(operation, "success", result)

    async def _append(
        self,
        operation: Operation,
        outcome: str,
        data: Any,
        occurred_at: datetime | None = None,
        subjects: Sequence[str] = (),
    ) -> None:
        now = datetime.now(UTC)
        line = self._encode(
            Line(
                str(uuid_utils.uuid7()),
                operation.operation_id,
                occurred_at or now,
                now,
                operation.kind,
                operation.name,
                operation.actor,
                operation.caller,
                outcome,
                operation.correlation_id,
                self._origin,
                data,
                subjects,
            )
        )
        sha256(line).digest()
        await self._log.append(line)


@asynccontextmanager
async def recorded(path: Path, *components: type, intents: bool = False) -> AsyncIterator[Kernel]:
    """A booted kernel whose operations such a recorder writes to a file."""
    kernel = Kernel(config={"policy": {"*": {"audit": True}}})
    kernel.discover(components)
    log = GroupCommit(path)
    kernel.hooks.register(Recorder(log, intents=intents))
    try:
        async with kernel:
            yield kernel
    finally:
        await log.close()
