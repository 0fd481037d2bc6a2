r"""Any Python value as a JSON value, without fail and without running code of the value's class. Pure.

What becomes of what (for ever: stored bytes are never converted):

==============================================  ==================================================================
None, bool, int, float, text, list, dict        themselves
tuple, deque                                    a list
set, frozenset                                  a list, ordered by the elements' JSON text
NaN and the infinities                          ``"NaN"``, ``"Infinity"``, ``"-Infinity"``
an integer from ±2**1023 on                     its decimal text; hexadecimal (``"0x…"``) beyond 4300 digits
a lone surrogate in a text                      six characters, ``\udc80``
Decimal                                         its exact text
bytes, bytearray, memoryview                    base64 (RFC 4648, section 4, padded)
datetime, date, time                            ISO 8601 as given: an offset is kept, none is guessed
timedelta                                       ISO 8601 duration
UUID, paths, IP addresses and networks          text
Enum                                            its value
dataclass, pydantic model, msgspec Struct       an object of its fields (of a model: those that it does not exclude)
keys of mappings                                text; other keys as the text of their JSON; ``#2`` added to the second
                                                of two keys that are then the same
anything else, a cycle, more than 100 levels    ``{"$type": "module.Class"}``
==============================================  ==================================================================

Integers stay exact at any size: readers that know only doubles round above 2**53, but none fails on one below 2**1023.
"""

from __future__ import annotations

import base64
import dataclasses
import math
import sys
import types
from collections import deque
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from gc import get_referents
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from itertools import islice
from pathlib import PosixPath, PurePosixPath, PureWindowsPath, WindowsPath
from typing import Any, Final, NamedTuple, cast
from uuid import UUID

import msgspec
import uuid_utils

from signalpy_audit_trail.fieldpath import Json, Path, Step, Wild
from signalpy_audit_trail.members import MISSING, class_name, declared, is_a, lineage, stored

LEVELS: Final = 100
"""How deep a value may be nested. Parsers of other languages stop at 64 (.NET) to 1000; what is deeper is cut."""

_HUGE: Final = 1 << 1023
_DIGITS_BITS: Final = 14_000
"""Integers up to this many bits have fewer than 4300 digits, the longest that Python converts by default."""

_PLENTY: Final = 2
_CLIPPED: Final = 64
_KEY_NODES: Final = 64

encode: Final[Callable[[Any], bytes]] = msgspec.json.Encoder().encode


class Plain(NamedTuple):
    """A value that can be encoded.

    :param value: made of exact JSON types only.
    :param cut: where something was left out because it was too deep, or could not fit into the size given.
    :param weight: a lower bound of the length of its JSON, in bytes.
    """

    value: Json
    cut: tuple[Path, ...]
    weight: int

    @property
    def kept(self) -> Json | msgspec.Raw:
        """What a record holds of it."""
        return self.value


def plain(value: object, *, most: int = 1 << 20) -> Plain:
    """A copy of ``value`` in JSON types.

    :param most: a size in bytes that cannot be kept anyway. The walk stops where the result is surely longer, so that
        its time and memory stay bounded; what it stopped at is in ``cut``.
    """
    walk = _Walk(most)
    return Plain(walk.value(value, 0), tuple(walk.cut), walk.weight)


def text(value: str) -> str:
    r"""An exact ``str`` that UTF-8 can hold: of a subclass its characters, and lone surrogates as ``\udc80``."""
    value = str.__str__(value)
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "backslashreplace").decode()
    return value


def marker(value: object) -> Json:
    """What stands for a value that JSON cannot hold."""
    return {"$type": text(class_name(type(value)))}


class _Walk:
    """One walk over a value, bounded by a number of nodes; each costs at least two bytes of JSON, itself and a comma.

    Every child may use an equal share of the nodes that are left, and what it does not need goes to its later siblings.
    """

    __slots__ = ("cut", "left", "most", "open", "path", "weight")

    def __init__(self, most: int) -> None:
        self.most = most
        self.left = most // 2 + 1
        self.weight = 0
        self.cut: list[Path] = []
        self.open: set[int] = set()
        self.path: list[Step] = []

    def value(self, value: Any, floor: int) -> Json:
        """``value`` as JSON, using up nodes while more than ``floor`` are left."""
        self.left -= 1
        self.weight += 1
        kind = type(value)
        try:
            if kind is str:
                return self.text(value)
            if value is None or kind is bool:
                return value  # type: ignore[no-any-return]
            if kind is int or kind is float:
                return _number(value)
            if kind is dict or kind is list:
                return self.container(kind, value, floor)
            return self.other(kind, value, floor)
        except Exception:  # noqa: BLE001 (content never stops the log, whatever goes wrong inside it)
            return marker(value)

    def other(self, kind: type, value: Any, floor: int) -> Json:
        """A value of no plain type: by the nearest of its classes that is known."""
        _learn_models()
        for base in lineage(kind):
            if (scalar := _SCALARS.get(id(base))) is not None:
                found = scalar(value, self.clip())
                return self.text(found) if type(found) is str else found
            if id(base) in _CONTAINERS or declared(base, "__dataclass_fields__"):
                return self.container(base, value, floor)
        return marker(value)

    def container(self, kind: type, value: Any, floor: int) -> Json:
        """What holds other values, unless it is open already (a cycle) or too deep."""
        if id(value) in self.open:
            return marker(value)
        depth = len(self.path)
        if depth >= LEVELS:
            self.cut.append(tuple(self.path))
            return marker(value)
        self.open.add(id(value))
        try:
            return _CONTAINERS.get(id(kind), _dataclass)(self, value, floor)
        finally:
            del self.path[depth:]
            self.open.discard(id(value))

    def room(self, floor: int) -> int:
        """How many children may be looked at."""
        return max(0, self.left - floor)

    def members(self, pairs: list[tuple[Any, Any]], floor: int, size: int) -> Json:
        """An object of ``pairs``, which are the first of ``size``."""
        found: dict[str, Json] = {}
        again: dict[str, int] = {}
        for place, (key, value) in enumerate(pairs):
            name = base = self.key(key)
            while name in found:
                again[base] = again.get(base, 1) + 1
                name = f"{base}#{again[base]}"
            if self.is_easy(value):
                found[name] = value
                continue
            self.path.append(name)
            found[name] = self.value(value, self.share(floor, len(pairs) - place))
            self.path.pop()
        self.note(len(pairs) < size)
        return found

    def elements(self, values: list[Any], floor: int, size: int, *, ordered: bool = True) -> Json:
        """A list of ``values``, which are the first of ``size``; if they have no order, the order of their JSON."""
        found: list[Json] = []
        for place, value in enumerate(values):
            if self.is_easy(value):
                found.append(value)
                continue
            self.path.append(place if ordered else Wild.ELEMENT)
            found.append(self.value(value, self.share(floor, len(values) - place)))
            self.path.pop()
        self.note(len(values) < size)
        return found if ordered else sorted(found, key=encode)

    def is_easy(self, value: Any) -> bool:
        """Whether ``value`` is one of the many that are stored as they are; it is counted then."""
        kind = type(value)
        if kind is str:
            if len(value) > _CLIPPED or not value.isascii():
                return False
            self.weight += len(value)
        elif kind is int:
            if not -_HUGE < value < _HUGE:
                return False
        elif kind is float:
            if not math.isfinite(value):
                return False
        elif value is not None and kind is not bool:
            return False
        self.left -= 1
        self.weight += 1
        return True

    def share(self, floor: int, siblings: int) -> int:
        """How many nodes the next of so many siblings must leave."""
        return self.left - max(1, (self.left - floor) // siblings)

    def note(self, is_cut: bool) -> None:
        if is_cut:
            self.cut.append(tuple(self.path))

    def key(self, key: Any) -> str:
        self.weight += 3
        if type(key) is str:
            return self.text(key)
        found = self.value(key, self.left - _KEY_NODES)
        return found if type(found) is str else encode(found).decode()

    def text(self, value: str) -> str:
        most = self.clip()
        if len(value) > most:
            self.note(True)
            value = value[:most]
        self.weight += len(value)
        return value if value.isascii() else text(value)

    def clip(self) -> int:
        """How long a text may be here: whatever can fit, or little once it is plain that most will be cut anyway."""
        return self.most if self.weight <= self.most * _PLENTY else _CLIPPED


def _number(value: Any) -> Json:
    if type(value) is float:
        if math.isfinite(value):
            return value
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if -_HUGE < value < _HUGE:
        return value  # type: ignore[no-any-return]
    return str(value) if value.bit_length() <= _DIGITS_BITS else hex(value)


def _base64(value: bytes | bytearray | memoryview) -> str:
    return base64.b64encode(value).decode()


def _start(most: int) -> slice:
    """So many bytes that their base64 is just longer than ``most``, and is seen to be cut."""
    return slice(most // 4 * 3 + 6)


def _exactly(kind: type) -> Callable[[Any, int], Json]:
    def convert(value: Any, _: int) -> Json:
        return str(value) if type(value) is kind else marker(value)

    return convert


_SCALARS: Final[dict[int, Callable[[Any, int], Json]]] = {
    id(str): lambda value, _: str.__str__(value),
    id(int): lambda value, _: _number(int.__int__(value)),
    id(float): lambda value, _: _number(float.__float__(value)),
    id(bytes): lambda value, most: _base64(bytes.__getitem__(value, _start(most))),
    id(bytearray): lambda value, most: _base64(bytearray.__getitem__(value, _start(most))),
    id(memoryview): lambda value, most: _base64(value.cast("B")[_start(most)]),
    id(Decimal): lambda value, _: Decimal.__str__(value),
    id(datetime): lambda value, _: datetime.isoformat(value),
    id(date): lambda value, _: date.isoformat(value),
    id(time): lambda value, _: time.isoformat(value),
    id(timedelta): lambda value, _: cast("str", msgspec.to_builtins(timedelta.__pos__(value))),
    id(UUID): lambda value, _: str(UUID(int=stored(value, "int"))),
    id(uuid_utils.UUID): lambda value, _: uuid_utils.UUID.__str__(value),
}
_SCALARS.update(
    (id(kind), _exactly(kind))
    for kind in (
        *(PosixPath, WindowsPath, PurePosixPath, PureWindowsPath),
        *(IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network),
    )
)


def _mapping(walk: _Walk, value: Any, floor: int) -> Json:
    return walk.members(list(islice(dict.items(value), walk.room(floor))), floor, dict.__len__(value))


def _proxy(walk: _Walk, value: Any, floor: int) -> Json:
    # The proxy's own methods would call those of the mapping behind it.
    (behind,) = get_referents(value)
    return walk.value(behind, floor)


def _inside(name: str) -> Callable[[_Walk, Any, int], Json]:
    def inside(walk: _Walk, value: Any, floor: int) -> Json:
        held = stored(value, name)
        return marker(value) if held is MISSING else walk.value(held, floor)

    return inside


def _iterable(kind: Any, *, ordered: bool = True) -> Callable[[_Walk, Any, int], Json]:
    def iterable(walk: _Walk, value: Any, floor: int) -> Json:
        first = list(islice(kind.__iter__(value), walk.room(floor)))
        return walk.elements(first, floor, kind.__len__(value), ordered=ordered)

    return iterable


def _fields(walk: _Walk, value: object, names: Iterable[str], floor: int, more: Iterable[tuple[Any, Any]] = ()) -> Json:
    pairs = [*((name, stored(value, name)) for name in names), *more]
    present = [(name, held) for name, held in pairs if held is not MISSING]
    return walk.members(present, floor, len(present))


def _dataclass(walk: _Walk, value: Any, floor: int) -> Json:
    return _fields(walk, value, [field.name for field in dataclasses.fields(type(value))], floor)


def _struct(walk: _Walk, value: Any, floor: int) -> Json:
    return _fields(walk, value, type(value).__struct_fields__, floor)


def _model(walk: _Walk, value: Any, floor: int) -> Json:
    fields = type(value).__pydantic_fields__
    extra = stored(value, "__pydantic_extra__")
    more = islice(dict.items(extra), walk.room(floor)) if is_a(extra, dict) else ()
    return _fields(walk, value, [name for name, field in fields.items() if field.exclude is not True], floor, more)


_CONTAINERS: Final[dict[int, Callable[[_Walk, Any, int], Json]]] = {
    id(dict): _mapping,
    id(list): _iterable(list),
    id(tuple): _iterable(tuple),
    id(deque): _iterable(deque),
    id(set): _iterable(set, ordered=False),
    id(frozenset): _iterable(frozenset, ordered=False),
    id(types.MappingProxyType): _proxy,
    id(Enum): _inside("_value_"),
    id(msgspec.Struct): _struct,
}


_MODELS: Final[dict[tuple[str, str], Callable[[_Walk, Any, int], Json]]] = {
    ("pydantic.root_model", "RootModel"): _inside("root"),
    ("pydantic.main", "BaseModel"): _model,
}
"""What is not known yet, by module and name. A command that does not load pydantic meets no model of it."""


def _learn_models() -> None:
    for (module, name), how in list(_MODELS.items()):
        kind = getattr(sys.modules.get(module), name, None)
        if kind is not None:
            _CONTAINERS[id(kind)] = how
            _MODELS.pop((module, name), None)
