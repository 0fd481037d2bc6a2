"""Versions of event payloads: what was written once is read in the form of today, and never changed where it lies.

::

    @upcast("account.transfer", from_version=1)
    def split_name(data: dict[str, Any]) -> dict[str, Any]:
        first, _, last = data.pop("name").partition(" ")
        return {**data, "first": first, "last": last}

A schema is stamped as ``"<type>/v<version>"``. An upcaster makes a payload of the next version out of one of its own;
several make a chain. A reader applies the chain to what is stored, as far as it goes.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal, TypeAlias, TypeVar
from weakref import WeakValueDictionary

from msgspec import Struct

from signalpy.errors import DefinitionError

Payload: TypeAlias = dict[str, Any]
Upcaster: TypeAlias = Callable[[Payload], Payload]
Flag: TypeAlias = Literal["upcast", "newer", "older", "failed"]
F = TypeVar("F", bound=Upcaster)

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_STAMP: Final = re.compile(r"(?P<type>.+)/v(?P<version>[1-9]\d{0,8})", re.DOTALL)


def stamp(event_type: str, version: int) -> str:
    """``"account.transfer/v2"``."""
    return f"{event_type}/v{version}"


def json_schema(model: Any) -> dict[str, Any]:
    """The JSON Schema of a typed event: draft 2020-12, with the event's stamp in its ``$id``."""
    told = stamp(model.event_type, model.event_version)
    return {"$schema": DIALECT, "$id": f"urn:signalpy:event:{told}", **model.model_json_schema()}


def parsed(schema: str) -> tuple[str, int] | None:
    """Type and version of a stamp; ``None`` if it is none."""
    found = _STAMP.fullmatch(schema)
    return (found["type"], int(found["version"])) if found is not None else None


class Reading(Struct, frozen=True):
    """A payload as a reader sees it.

    :param schema: the stamp of the payload as it is here.
    :param flag: ``None`` if it was stored in the latest form known here, or nothing is known of its type; ``"upcast"``
        if it was brought to that form. Otherwise it is as it was stored: ``"newer"``, its version is not known here;
        ``"older"``, the chain of upcasters does not reach it; ``"failed"``, an upcaster could not read it.
    :param problem: of the last three, in one line, without any value.
    """

    schema: str
    data: Any
    flag: Flag | None = None
    problem: str | None = None


class Schemas:
    """What is known of event types: their versions, and the steps from one to the next."""

    def __init__(self) -> None:
        self._steps: dict[str, dict[int, Upcaster]] = {}
        self._models: dict[str, WeakValueDictionary[int, type]] = {}

    def __repr__(self) -> str:
        steps = sum(len(steps) for steps in self._steps.values())
        return f"<{type(self).__name__}(num_types={len(self.types())}, num_upcasters={steps})>"

    def types(self) -> list[str]:
        """The event types of which anything is known, sorted."""
        return sorted({*self._steps, *(event_type for event_type, models in self._models.items() if models)})

    def models(self) -> Iterator[tuple[str, int, type]]:
        """Event type, version and class of every typed event, in the order of the first two."""
        for event_type, models in sorted(self._models.items()):
            for version, model in sorted(models.items()):
                yield event_type, version, model

    def upcasts(self, event_type: str) -> list[int]:
        """The versions of a type that an upcaster takes to the next one, sorted."""
        return sorted(self._steps.get(event_type, ()))

    def newest(self, event_type: str) -> int | None:
        """The latest version that is known of a type."""
        steps = [version + 1 for version in self._steps.get(event_type, ())]
        return max([*steps, *self._models.get(event_type, ())], default=None)

    def know(self, event_type: str, version: int, model: type) -> None:
        """Notes a typed event, for as long as its class lives. The later definition counts, as after a reload."""
        self._models.setdefault(event_type, WeakValueDictionary())[version] = model

    def add(self, event_type: str, from_version: int, upcaster: Upcaster) -> None:
        """Notes the step from one version to the next.

        :raises DefinitionError: another function has this step already.
        """
        steps = self._steps.setdefault(event_type, {})
        held = steps.get(from_version)
        if held is not None and _name(held) != _name(upcaster):
            raise DefinitionError(
                f"{_name(upcaster)}: {_name(held)} already reads {stamp(event_type, from_version)}. "
                "One function takes a version to the next; put both into one.",
                component=None,
                method=upcaster.__qualname__,
            )
        steps[from_version] = upcaster

    def read(self, schema: str, data: Any) -> Reading:
        """A stored payload in the latest form that is known here. ``data`` is not changed."""
        event_type, version = parsed(schema) or ("", 0)
        newest = self.newest(event_type)
        if newest is None or version == newest:
            return Reading(schema, data)
        if version > newest:
            problem = f"{schema} is newer than {stamp(event_type, newest)}, the latest that is known here"
            return Reading(schema, data, "newer", problem)
        return self._upcast(schema, event_type, range(version, newest), data)

    def _upcast(self, schema: str, event_type: str, versions: range, data: Any) -> Reading:
        steps = self._steps.get(event_type, {})
        missing = next((version for version in versions if version not in steps), None)
        if missing is not None:
            return Reading(schema, data, "older", f"no upcaster takes {stamp(event_type, missing)} to the next version")
        if not isinstance(data, Mapping):
            return Reading(
                schema, data, "failed", f"{schema}: the payload is {type(data).__name__}, expected a mapping"
            )
        made = copy.deepcopy(dict(data))
        for step in (steps[version] for version in versions):
            try:
                made = step(made)
            except Exception as error:  # noqa: BLE001 - code of a plugin; what it says may hold values
                return Reading(schema, data, "failed", f"{_name(step)} raised {type(error).__name__}")
            if not isinstance(made, dict):
                return Reading(schema, data, "failed", f"{_name(step)} returned {type(made).__name__}, expected a dict")
        return Reading(stamp(event_type, versions.stop), made, "upcast")


KNOWN: Final = Schemas()
"""What the modules that are imported here have told."""


def upcast(event_type: str, *, from_version: int) -> Callable[[F], F]:
    """Marks a function that takes a payload of ``from_version`` and returns one of the next version.

    It gets a dict of its own with the values that JSON has, may change and return it, and does no I/O: it runs whenever
    a record is read. What is stored does not change. Values that a privacy rule protects come in their stored shape.

    :raises DefinitionError: for a bad type or version, or if another function has this step.
    """
    if not isinstance(event_type, str) or not event_type or any(mark in event_type for mark in "*?[/"):
        raise DefinitionError(
            f"upcast: expected a plain event type such as 'account.transfer', found {event_type!r}.",
            component=None,
            method=None,
        )
    if not isinstance(from_version, int) or isinstance(from_version, bool) or from_version < 1:
        raise DefinitionError(
            f"upcast: from_version must be 1, 2, 3, …, found {from_version!r}.", component=None, method=None
        )

    def mark(function: F) -> F:
        KNOWN.add(event_type, from_version, function)
        return function

    return mark


def _name(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{function.__qualname__}"
