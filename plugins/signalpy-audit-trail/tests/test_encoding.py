"""Any Python value becomes JSON, without fail and without running its code."""

from __future__ import annotations

import dataclasses
import enum
import json
import types
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from ipaddress import ip_address
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

import msgspec
import pytest
import uuid_utils
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, RootModel, SecretStr

from signalpy_audit_trail.encoding import LEVELS, encode, marker, plain, text
from signalpy_audit_trail.fieldpath import Json

SECRET = "the repr of a hostile value"
UTF8_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | UTF8_TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(UTF8_TEXT, inner),
)


class Hostile:
    """Every special method that encoding could be tempted by runs into an error."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(SECRET)

    def __repr__(self) -> str:
        raise RuntimeError(SECRET)

    __str__ = __iter__ = __len__ = __bool__ = __hash__ = __eq__ = __getitem__ = __repr__


class HostileText(str):
    __slots__ = ()
    __str__ = __repr__ = __iter__ = __len__ = __getitem__ = __hash__ = __eq__ = Hostile.__repr__
    encode = isascii = Hostile.__repr__


class HostileInt(int):
    __str__ = __repr__ = __int__ = __index__ = __eq__ = __hash__ = __lt__ = __neg__ = Hostile.__repr__


class HostileFloat(float):
    __str__ = __repr__ = __float__ = __eq__ = __hash__ = __lt__ = Hostile.__repr__


class HostileDict(dict):
    __str__ = __repr__ = __iter__ = __len__ = __getitem__ = items = keys = get = Hostile.__repr__


class HostileList(list):
    __str__ = __repr__ = __iter__ = __len__ = __getitem__ = Hostile.__repr__


class HostileBytes(bytes):
    __str__ = __repr__ = __iter__ = __len__ = __getitem__ = Hostile.__repr__


class HostileDatetime(datetime):
    __str__ = __repr__ = isoformat = strftime = Hostile.__repr__


class HostileDecimal(Decimal):
    __str__ = __repr__ = __format__ = Hostile.__repr__


class HostileUUID(UUID):
    __str__ = __repr__ = Hostile.__repr__


@dataclasses.dataclass
class Point:
    x: int
    y: Any = None
    kind: dataclasses.InitVar[str] = "p"

    @property
    def trap(self) -> int:
        raise RuntimeError(SECRET)


@dataclasses.dataclass(slots=True)
class Slotted:
    x: int
    y: int


class Model(BaseModel):
    model_config = ConfigDict(extra="allow")
    name: str
    amount: Decimal = Decimal("1.50")
    hidden: str = Field(default="h", exclude=True)
    key: SecretStr = SecretStr("s3cret")


class Names(RootModel[list[str]]):
    pass


class Pair(msgspec.Struct):
    left: int
    right: Any = None


class Child(Pair):
    more: str = "m"


class Colour(enum.Enum):
    RED = "red"
    BOTH = ("r", 1)
    ONE = "1"


class Size(enum.IntEnum):
    BIG = 3


class Word(enum.StrEnum):
    YES = "yes"


Named = namedtuple("Named", ["a", "b"])  # noqa: PYI024 (an untyped one is what old code has)


def value_of(value: object) -> Json:
    return plain(value).value


@given(JSON_VALUES)
def test_plain_json_comes_back(value: Any) -> None:
    """What JSON can hold is stored as it is: encoding and decoding give it back, types included."""
    if isinstance(value, int) and abs(value) >= 1 << 1023:
        return
    result = plain(value)
    assert not result.cut
    assert repr(value) == repr(json.loads(encode(result.value)))


ANYTHING = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(st.characters()),
        st.binary(),
        st.decimals(),
        st.datetimes(timezones=st.none() | st.timezones()),
        st.timedeltas(),
        st.uuids(),
        st.complex_numbers(),
        st.fractions(),
        st.builds(Hostile),
        st.text().map(HostileText),
        st.integers().map(HostileInt),
        st.floats().map(HostileFloat),
        st.sampled_from([Colour.RED, Size.BIG, Word.YES, object, len, ..., iter(()), Exception("x")]),
    ),
    lambda inner: st.one_of(
        st.lists(inner),
        st.lists(inner).map(tuple),
        st.lists(inner).map(HostileList),
        st.lists(inner).map(deque),
        st.dictionaries(st.text(st.characters()) | st.integers() | st.none() | st.floats() | st.booleans(), inner),
        st.dictionaries(st.text(), inner).map(HostileDict),
        st.dictionaries(st.text(), inner).map(types.MappingProxyType),
        st.builds(Point, st.integers(), inner),
        st.builds(Pair, st.integers(), inner),
        st.builds(Model, name=st.just("n"), extra=inner),
    ),
)


@given(ANYTHING)
def test_any_value_becomes_valid_json_without_a_repr(value: Any) -> None:
    """Whatever is given, the result is strict JSON in UTF-8, and no code of the value ran."""
    stored = encode(plain(value).value)
    json.loads(stored.decode("utf-8"), parse_constant=pytest.fail)
    msgspec.json.decode(stored)
    assert SECRET.encode() not in stored
    assert b" at 0x" not in stored


@given(ANYTHING)
def test_encoding_is_deterministic(value: Any) -> None:
    """The same value gives the same bytes."""
    assert encode(plain(value).value) == encode(plain(value).value)


@given(ANYTHING)
def test_the_weight_is_never_more_than_the_length(value: Any) -> None:
    """The weight is a lower bound, so what is heavier than a limit is surely longer."""
    result = plain(value)
    assert result.weight <= len(encode(result.value))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), "NaN"),
        (float("inf"), "Infinity"),
        (float("-inf"), "-Infinity"),
        (-0.0, -0.0),
        (2**53 + 1, 2**53 + 1),
        (2**64, 2**64),
        (-(10**300), -(10**300)),
        (1 << 1023, str(1 << 1023)),
        (-(1 << 1023), str(-(1 << 1023))),
        (True, True),
        (Size.BIG, 3),
        (Word.YES, "yes"),
        (Colour.RED, "red"),
        (Colour.BOTH, ["r", 1]),
        ("\udc80x\ud83d\ude00é", "\\udc80x\\ud83d\\ude00é"),
        ("\x00\n\u2028", "\x00\n\u2028"),
        (b"\x00\xff", "AP8="),
        (bytearray(b"abc"), "YWJj"),
        (memoryview(b"abcd")[1:], "YmNk"),
        (Decimal("1.10"), "1.10"),
        (Decimal("-sNaN"), "-sNaN"),
        (datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC), "2026-01-02T03:04:05.000006+00:00"),
        (datetime(2026, 1, 2, 3, 4, tzinfo=timezone(timedelta(hours=-3))), "2026-01-02T03:04:00-03:00"),
        (datetime(2026, 1, 2, 3, 4), "2026-01-02T03:04:00"),  # noqa: DTZ001 (no zone is guessed)
        (date(2026, 1, 2), "2026-01-02"),
        (time(1, 2, 3), "01:02:03"),
        (timedelta(days=1, seconds=2), "P1DT2S"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (uuid_utils.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (PurePosixPath("/a/b"), "/a/b"),
        (ip_address("::1"), "::1"),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset({"b", "a"}), ["a", "b"]),
        ((1, (2,)), [1, [2]]),
        (Named(1, 2), [1, 2]),
        (deque([1, 2]), [1, 2]),
        (OrderedDict(a=1), {"a": 1}),
        (Counter("aa"), {"a": 2}),
        (defaultdict(list, {"a": [1]}), {"a": [1]}),
        (types.MappingProxyType({"a": 1}), {"a": 1}),
        (Point(1, Point(2)), {"x": 1, "y": {"x": 2, "y": None}}),
        (Slotted(1, 2), {"x": 1, "y": 2}),
        (Child(1, [2]), {"left": 1, "right": [2], "more": "m"}),
        (Names(["a"]), ["a"]),
    ],
)
def test_what_becomes_of_what(value: object, expected: object) -> None:
    """Each known type has its own stored form."""
    assert repr(expected) == repr(value_of(value))


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (Hostile, {"$type": f"{__name__}.Hostile"}),
        (lambda: 1 << 20_000, hex(1 << 20_000)),  # Python refuses to make a decimal text of it
        (lambda: HostileFloat("nan"), "NaN"),
        (lambda: HostileInt(7), 7),
        (lambda: HostileInt(1 << 1023), str(1 << 1023)),
        (lambda: HostileText("plain"), "plain"),
        (lambda: HostileText("\udc80"), "\\udc80"),
        (lambda: HostileBytes(b"abc"), "YWJj"),
        (lambda: HostileDecimal("1E+9"), "1E+9"),
        (lambda: HostileDatetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00"),
        (lambda: HostileUUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (lambda: HostileList([1, 2]), [1, 2]),
        (lambda: HostileDict(a=1), {"a": 1}),
        (lambda: types.MappingProxyType(HostileDict(a=1)), {"a": 1}),
    ],
)
def test_hostile_values_are_stored_without_running_them(make: Callable[[], object], expected: object) -> None:
    """An instance of a subclass is stored by what it holds, whatever its class makes of its methods."""
    assert repr(expected) == repr(value_of(make()))


def test_a_model_stores_its_fields_and_extras_but_neither_excluded_nor_secret_values() -> None:
    """A pydantic model is an object of the fields that it would serialise."""
    stored = value_of(Model(name="n", more=[1]))
    assert {"name": "n", "amount": "1.50", "key": {"$type": "pydantic.types.SecretStr"}, "more": [1]} == stored


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (object(), "builtins.object"),
        (1j, "builtins.complex"),
        (Fraction(1, 3), "fractions.Fraction"),
        (Exception("secret"), "builtins.Exception"),
        (print, "builtins.builtin_function_or_method"),
        (int, "builtins.type"),
        (range(3), "builtins.range"),
        ((number for number in [1]), "builtins.generator"),
        (SecretStr("s3cret"), "pydantic.types.SecretStr"),
    ],
)
def test_what_json_cannot_hold_is_named_by_its_class(value: object, name: str) -> None:
    """A value of no known type is stored as the name of its class, and nothing of it is shown."""
    assert {"$type": name} == value_of(value)


def test_an_instance_whose_class_lies_about_itself_is_named_truly() -> None:
    """Neither a ``__class__`` property nor a metaclass's ``__mro__`` is asked."""

    class Meta(type):
        @property
        def __mro__(cls) -> Any:
            raise RuntimeError(SECRET)

    class Liar(metaclass=Meta):
        @property
        def __class__(self) -> Any:
            raise RuntimeError(SECRET)

    assert {"$type": f"{__name__}.{Liar.__qualname__}"} == value_of(Liar())


def test_a_field_that_became_a_property_is_not_run() -> None:
    """What a class computes is no stored field: the marker tells that a property stands there."""

    @dataclasses.dataclass
    class Lazy:
        x: int = 1

    Lazy.x = property(lambda self: pytest.fail("was run"))
    lazy = object.__new__(Lazy)
    assert {"x": {"$type": "builtins.property"}} == value_of(lazy)


def test_keys_of_any_type_become_text_and_none_is_lost() -> None:
    """A key that is no text becomes the text of its JSON; equal ones are numbered."""
    value = {
        1: "a",
        "1": "b",
        Colour.ONE: "c",
        "1#2": "d",
        None: "e",
        1.5: "f",
        (1, "x"): "g",
        Colour.RED: "h",
        b"k": "i",
    }
    expected = {
        "1": "a",
        "1#2": "b",
        "1#3": "c",
        "1#2#2": "d",
        "null": "e",
        "1.5": "f",
        '[1,"x"]': "g",
        "red": "h",
        "aw==": "i",
    }
    assert expected == value_of(value)
    assert {"false": 1, '{"$type":"builtins.type"}': 2, "aw==": 3} == value_of({False: 1, object: 2, b"k": 3})


def test_many_colliding_keys_take_linear_time() -> None:
    """A mapping whose keys all look the same is numbered through."""
    stored = value_of({object(): place for place in range(20_000)})
    assert isinstance(stored, dict)
    assert 20_000 == len(stored)
    assert {"$type": "builtins.object"} == json.loads(next(iter(stored)))


def test_a_cycle_is_named_where_it_closes() -> None:
    """A value that contains itself ends at its first repetition on the way down."""
    value: dict[str, Any] = {"a": [1]}
    value["a"].append(value)
    assert {"a": [1, {"$type": "builtins.dict"}]} == value_of(value)


def test_the_same_value_twice_is_no_cycle() -> None:
    """A value that is merely shared is stored at every place."""
    shared = {"x": 1}
    assert {"a": shared, "b": [shared, shared]} == value_of({"a": shared, "b": [shared, shared]})


def test_what_is_nested_too_deep_is_cut_and_said() -> None:
    """Below the hundredth level only the class is stored, and the place is listed."""
    value: Any = []
    for _ in range(50_000):
        value = [value]
    result = plain(value)
    assert ((0,) * LEVELS,) == result.cut
    assert msgspec.json.decode(encode(result.value)) == result.value


def test_a_walk_near_the_end_of_the_stack_still_gives_json() -> None:
    """Where the caller has used up the stack, what is too deep for the rest is named by its class."""

    def deeper(left: int) -> Json:
        try:
            return deeper(left + 1)
        except RecursionError:
            return value_of({"a": [[[[[[1]]]]]]})

    encode(deeper(0))


def test_a_walk_over_shared_values_is_bounded() -> None:
    """A small value that unfolds into billions of nodes is cut, by a bounded walk."""
    value: Any = ["x"] * 100
    for _ in range(8):
        value = [value] * 100
    result = plain(value, most=10_000)
    assert result.cut
    assert len(encode(result.value)) < 100_000


def test_a_wide_value_does_not_starve_its_sibling() -> None:
    """Where a walk must stop, what is small is kept whole beside what is large."""
    result = plain({"wide": list(range(100_000)), "small": {"a": [1, 2, 3]}}, most=10_000)
    assert isinstance(result.value, dict)
    assert {"a": [1, 2, 3]} == result.value["small"]
    assert (("wide",),) == result.cut


def test_long_texts_and_bytes_are_not_copied_whole() -> None:
    """Of a text that cannot fit only as much is looked at as could, and it is listed."""
    result = plain({"text": "x" * 1_000_000, "bytes": b"x" * 1_000_000}, most=1000)
    assert (("text",), ("bytes",)) == result.cut
    assert result.weight < 3000


def test_the_marker_of_a_class_with_an_odd_module_is_a_text() -> None:
    """A class that has no module to tell is named by its name alone."""
    odd = type("Odd", (), {"__module__": 7})
    assert {"$type": "Odd"} == marker(odd())
    odd.__module__ = "m\udc80"
    assert {"$type": "m\\udc80.Odd"} == marker(odd())


@given(st.text(st.characters()))
def test_texts_can_always_be_encoded(value: str) -> None:
    """A text stays as it is unless it holds a lone surrogate."""
    stored = text(value)
    stored.encode("utf-8")
    assert not any(0xD800 <= ord(character) <= 0xDFFF for character in stored)
    if not any(0xD800 <= ord(character) <= 0xDFFF for character in value):
        assert value == stored
