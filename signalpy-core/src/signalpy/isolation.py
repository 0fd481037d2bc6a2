"""What a failing or slow interceptor does to an operation, as its author says it and as the operator has it instead.

The operator's word is a table ``[kernel.hooks.<name>]``; the name is that of a component or of a registered object. Its
keys count for both interceptors of it; a table of a hook's name in it counts for that one, key by key. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import inf
from typing import Annotated, Any, Final, Literal, TypeAlias, get_args

from msgspec import Meta, Struct

from signalpy.errors import kind_of
from signalpy.matching import did_you_mean

OnError: TypeAlias = Literal["raise", "isolate", "deny"]
CHOICES: Final[tuple[str, ...]] = get_args(OnError)

RECORDER: Final = "signalpy_record"
"""What records is not to be passed over: no operator says how."""


class Isolation(Struct, frozen=True):
    """What the operator says of one interceptor; what he leaves out stays as its author has it.

    :param on_error: what its own exception does.
    :param timeout: seconds that it may take itself, ``inf`` for as long as it likes.
    """

    on_error: OnError | None = None
    timeout: Annotated[float, Meta(gt=0)] | None = None


NOTHING: Final = Isolation()


class HookSettings(Isolation, frozen=True):
    """The table ``[kernel.hooks.<name>]``: what the operator says of both interceptors of a component.

    :param signalpy_invoke: the same keys for this hook alone.
    :param signalpy_publish: the same keys for this hook alone.
    """

    signalpy_invoke: Isolation | None = None
    signalpy_publish: Isolation | None = None

    def of(self, hook: str) -> Isolation:
        """What counts for one of the two."""
        own = self._own(hook)
        return Isolation(
            own.on_error if own.on_error is not None else self.on_error,
            own.timeout if own.timeout is not None else self.timeout,
        )

    def key_of(self, hook: str, key: str) -> str:
        """Where ``on_error`` or ``timeout`` of one of the two is set in this table: ``signalpy_invoke.timeout``."""
        return key if getattr(self._own(hook), key) is None else f"{hook}.{key}"

    def named(self) -> Iterator[str]:
        """The hooks of which something is said by their names."""
        return (hook for hook in INTERCEPTORS if self._own(hook) != NOTHING)

    def _own(self, hook: str) -> Isolation:
        own: Isolation | None = getattr(self, hook)
        return own or NOTHING


INTERCEPTORS: Final = tuple(name for name in HookSettings.__struct_fields__ if name not in Isolation.__struct_fields__)


def problem(tables: object) -> tuple[str, str] | None:
    """What is wrong with ``[kernel.hooks]``, as the dotted key below it and one line without any value.

    ``None`` if nothing is.
    """
    if not isinstance(tables, Mapping):
        return "", f"[kernel] hooks: expected a table of tables, found {kind_of(tables)}"
    found = (item for name, table in tables.items() for item in _problems(str(name), table, nested=True))
    return next(found, None)


def _problems(path: str, table: object, *, nested: bool) -> Iterator[tuple[str, str]]:
    where = f"[kernel.hooks.{path}]"
    if not isinstance(table, Mapping):
        yield path, f"[kernel.hooks] {path}: expected a table, found {kind_of(table)}"
        return
    known = (*Isolation.__struct_fields__, *(INTERCEPTORS if nested else ()))
    for key, value in table.items():
        full = f"{path}.{key}"
        if key in INTERCEPTORS and nested:
            yield from _problems(full, value, nested=False)
        elif key == RECORDER:
            yield full, f"{where} {key}: what a recorder raises stops the operation, and nothing can change that"
        elif key not in known:
            hint = did_you_mean(str(key), known) or f" Known keys: {', '.join(known)}."
            yield full, f"{where} has no key {key!r}.{hint}"
        elif key == "on_error" and value not in CHOICES:
            yield full, f'{where} on_error: expected "raise", "isolate" or "deny"'
        elif key == "timeout" and not _is_time(value):
            yield full, f"{where} timeout: expected a positive number of seconds, or inf for no limit"


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= inf
