"""Parameters: an instance of the model, or every problem at once and not one of the values."""

import datetime as dt
import decimal
import enum
import logging
import traceback
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from pydantic import (
    AnyUrl,
    AwareDatetime,
    Base64Bytes,
    BaseModel,
    ConfigDict,
    Field,
    FilePath,
    ImportString,
    IPvAnyAddress,
    Json,
    SecretStr,
    StringConstraints,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from signalpy.errors import InvalidParams
from signalpy.kernel import Kernel, component, runnable
from signalpy.params import validator

CANARY = "canary-7f3a"


class Color(enum.Enum):
    """An enumeration."""

    RED = "red"


class Cat(BaseModel):
    """One kind of pet."""

    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    """The other kind."""

    kind: Literal["dog"]
    lives: int


class Foreign:
    """Something that is no model."""


class Everything(BaseModel):
    """A field of each kind that refuses something."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    integer: int = 0
    number: float = 0
    boolean: bool = False
    date: dt.date | None = None
    moment: dt.datetime | None = None
    aware: AwareDatetime | None = None
    clock: dt.time | None = None
    span: dt.timedelta | None = None
    key: uuid.UUID | None = None
    money: Annotated[decimal.Decimal, Field(max_digits=3)] = decimal.Decimal(0)
    literal: Literal["a", "b"] = "a"
    color: Color = Color.RED
    url: AnyUrl | None = None
    pattern: Annotated[str, Field(pattern="^x$")] = "x"
    short: Annotated[str, Field(max_length=2)] = ""
    long: Annotated[str, StringConstraints(min_length=50)] = ""
    items: list[int] = []
    table: dict[str, int] = {}
    union: int | list[int] = 0
    pet: Cat | Dog | None = None
    tagged: Annotated[Cat | Dog, Field(discriminator="kind")] | None = None
    imported: ImportString[Any] | None = None
    json_text: Json[Any] | None = None
    encoded: Base64Bytes = b""
    address: IPvAnyAddress | None = None
    secret: SecretStr | None = None
    path: FilePath | None = None
    foreign: Foreign | None = None
    own: Any = None
    asserted: Any = None
    worded: Any = None
    disguised: Any = None

    @field_validator("own")
    @classmethod
    def refuse(cls, value: Any) -> Any:
        raise ValueError(f"cannot take {value!r}")

    @field_validator("asserted")
    @classmethod
    def insist(cls, value: Any) -> Any:
        assert value is None, f"cannot take {value!r}"
        return value

    @field_validator("worded")
    @classmethod
    def word(cls, value: Any) -> Any:
        raise PydanticCustomError("no_such_account", "no account {name}", {"name": str(value)})

    @field_validator("disguised")
    @classmethod
    def disguise(cls, value: Any) -> Any:
        raise PydanticCustomError("missing", "nothing is known of {name}", {"name": str(value)})


class Whole(BaseModel):
    """A model that refuses as a whole."""

    name: str

    @model_validator(mode="after")
    def refuse(self) -> "Whole":
        raise ValueError(f"will not have {self.name}")


@dataclass
class Plain:
    """A dataclass, with a rule of its own."""

    amount: int
    name: str = ""

    def __post_init__(self) -> None:
        if self.name:
            raise ValueError(f"will not have {self.name}")


class Mixed(Mapping[str, Any]):
    """A mapping that fails when it is looked at, and says with what."""

    def __getitem__(self, key: str) -> Any:
        raise KeyError(CANARY)

    def __iter__(self) -> Iterator[str]:
        raise ValueError(CANARY)

    def __len__(self) -> int:
        return 1


def _said(error: BaseException) -> str:
    """Everything that a log, a record or a curious caller could get out of an error."""
    parts = [str(error), repr(error), repr(error.__dict__), "".join(traceback.format_exception(error))]
    seen: set[int] = set()
    todo: list[BaseException | None] = [error.__cause__, error.__context__]
    while todo:
        other = todo.pop()
        if other is not None and id(other) not in seen:
            seen.add(id(other))
            parts += [str(other), repr(other)]
            todo += [other.__cause__, other.__context__]
    return "\n".join(parts)


def _refused(model: Any, params: Any) -> InvalidParams:
    with pytest.raises(InvalidParams) as found:
        validator("x.y", model, takes_params=True)(params)
    return found.value


BAD: list[Any] = [
    CANARY,
    CANARY.encode(),
    b"\xff" + CANARY.encode(),
    [CANARY],
    {"key": CANARY},
    {"kind": CANARY},
    {"kind": "cat", "lives": CANARY},
    {"kind": "cat", "lives": 1, "more": CANARY},
    (CANARY,),
    {CANARY},
    Foreign,
]


@pytest.mark.parametrize("field", sorted(Everything.model_fields))
def test_no_value_is_echoed_whatever_refuses_it(field: str) -> None:
    """Message, evidence, traceback, cause and context name the field and never hold the value."""
    refused: list[InvalidParams] = []
    for value in BAD:
        try:
            validator("x.y", Everything, takes_params=True)({field: value})
        except InvalidParams as error:
            refused.append(error)
    assert refused, "the field takes everything, so this tests nothing"
    for one in refused:
        assert CANARY not in _said(one)
        assert "\n" not in str(one)
        assert str(one).startswith(f"x.y: parameters do not fit: {field}")
        assert {field} == {item["loc"][0] for item in one.__dict__["problems"]}


@pytest.mark.parametrize(
    ("model", "params"),
    [
        (Whole, {"name": CANARY}),
        (Plain, {"amount": 1, "name": CANARY}),
        (Plain, {"amount": CANARY}),
        (Plain, {"amount": 1, "more": CANARY}),
        (Cat, CANARY),
        (Cat, [CANARY]),
        (Cat, CANARY.encode()),
        (Cat, object()),
        (None, CANARY),
        (None, [CANARY]),
        (BaseModel, {"more": CANARY}),
    ],
)
def test_no_value_is_echoed_when_the_whole_is_refused(model: Any, params: Any) -> None:
    """Nor by rules of the whole model, by a dataclass, or where the parameters are no mapping at all."""
    assert CANARY not in _said(_refused(model, params))


def test_what_a_mapping_raises_is_not_told() -> None:
    """The words of an exception that the parameters themselves raise may hold a value too."""
    for model in (Cat, Everything):
        assert CANARY not in str(_refused(model, Mixed()))


def test_one_character_of_a_value_is_a_value() -> None:
    """Messages that quote a part of the input, such as pydantic's on a UUID, are put in other words."""
    error = _refused(Everything, {"key": "§"})
    assert "x.y: parameters do not fit: key: Input should be a valid UUID" == str(error)


def test_every_problem_is_told_at_once() -> None:
    """Wrong, missing and extra fields, nested ones too, each with its place and its kind."""

    class Order(BaseModel):
        buyer: str
        lines: list[Cat]
        note: str = ""

    error = _refused(Order, {"lines": [{"kind": "cow"}], "note": 5, "extra": CANARY})
    assert [
        (("buyer",), "missing"),
        (("lines", 0, "kind"), "literal_error"),
        (("lines", 0, "lives"), "missing"),
        (("note",), "string_type"),
        (("extra",), "extra_forbidden"),
    ] == [(item["loc"], item["type"]) for item in error.__dict__["problems"]]
    assert "buyer: Field required; lines.0.kind: Input should be 'cat'; lines.0.lives: Field required;" in str(error)
    assert "extra: Extra inputs are not permitted" in str(error)
    assert "x.y" == error.__dict__["target"]


@pytest.mark.parametrize(
    ("model", "params", "kind"),
    [
        (Cat, None, "missing"),
        (Cat, {"kind": "cat", "lives": 9, "tail": 1}, "extra_forbidden"),
        (Plain, {"amount": 1, "tail": 1}, "unexpected_keyword_argument"),
        (Plain, {}, "missing"),
        (BaseModel, {"a": 1}, "extra_forbidden"),
    ],
)
def test_fields_that_are_not_there_or_not_known_are_refused(model: Any, params: Any, kind: str) -> None:
    """Without a word of the model's own on extra fields, they are a mistake; for models and dataclasses alike."""
    assert kind in [item["type"] for item in _refused(model, params).__dict__["problems"]]


@pytest.mark.parametrize(
    "params",
    [
        {"a": 1, "tail": 1},  # as many fields as keys, of which one is the default's
        {"b": "x", "tail": 1},
        {"a": 1, "b": "x", "c": [1], "tail": None},
    ],
)
def test_an_unknown_field_is_never_overlooked_beside_defaults(params: dict[str, Any]) -> None:
    """A field that was left out does not make room for one that nobody knows."""

    class Loose(BaseModel):
        a: int = 0
        b: str | None = None
        c: list[int] = []

    assert ["extra_forbidden"] == [item["type"] for item in _refused(Loose, params).__dict__["problems"]]


def test_a_model_may_say_itself_what_becomes_of_extra_fields() -> None:
    """``extra="allow"`` and ``extra="ignore"`` are the model's own affair."""

    class Open(BaseModel, extra="allow"):
        a: int

    class Deaf(BaseModel, extra="ignore"):
        a: int

    given = {"a": 1, "b": 2}
    assert given == validator("x.y", Open, takes_params=True)(given).model_dump()
    assert {"a": 1} == validator("x.y", Deaf, takes_params=True)(given).model_dump()


@pytest.mark.parametrize("instance", [Cat(kind="cat", lives=9), Plain(1)])
def test_an_instance_of_the_model_passes_as_it_is(instance: Any) -> None:
    """What is valid already is neither copied nor checked again."""
    assert instance is validator("x.y", type(instance), takes_params=True)(instance)


@pytest.mark.parametrize("model", [Cat, Plain])
def test_a_mapping_becomes_an_instance(model: Any) -> None:
    """The handler gets attributes, with values converted as the model says."""
    made = validator("x.y", model, takes_params=True)(
        {"kind": "cat", "lives": "9"} if model is Cat else {"amount": "9"}
    )
    assert isinstance(made, model)
    assert 9 == (made.lives if isinstance(made, Cat) else made.amount)


def test_without_a_model_the_mapping_is_passed_on() -> None:
    """A handler that takes parameters and has no model gets what was given, and ``{}`` for nothing."""
    check = validator("x.y", None, takes_params=True)
    given = {"a": object()}
    assert given is check(given)
    assert {} == check(None)


def test_a_runnable_without_parameters_takes_none() -> None:
    """An empty mapping is nothing; anything in it is named and refused, and so is what is no mapping."""
    check = validator("x.y", None, takes_params=False)
    assert check(None) is None
    assert check({}) is None
    for params, problem in (
        ({"a": CANARY, "b": 1}, "a: is not a parameter; there are none; b: "),
        (CANARY, "found str"),
    ):
        with pytest.raises(InvalidParams) as found:
            check(params)
        assert problem in str(found.value)
        assert CANARY not in _said(found.value)


def test_a_hostile_name_cannot_break_the_line() -> None:
    """Names of fields that nobody knows are told, but on one line."""
    assert "\n" not in str(_refused(Cat, {"a\nFAKE LOG LINE": 1}))


def test_a_model_that_is_finished_later_is_completed() -> None:
    """A forward reference that can be resolved by now is no hindrance."""
    made = validator("x.y", Early, takes_params=True)({"later": {"name": "a", "pin": 1}})
    assert Account(name="a", pin=1) == made.later


class Early(BaseModel):
    """Refers to what is not there yet when it is declared."""

    later: "Account"


class Account(BaseModel):
    """What the component below takes."""

    name: str
    pin: int


@component("vault", version="1.0", settings=None)
class Vault:
    """A component that is given secrets."""

    @runnable("open", params=Account)
    async def open(self, params: Account) -> str:
        return params.name

    @runnable("close")
    async def close(self) -> None: ...


@pytest.mark.parametrize("level", [logging.DEBUG])
async def test_over_the_bus_nothing_of_a_refused_value_is_logged(level: int, caplog: pytest.LogCaptureFixture) -> None:
    """A call with wrong parameters raises ``InvalidParams`` to its caller and leaves no value in any log."""
    caplog.set_level(level)
    kernel = Kernel({"policy": {"*": {"audit": "full"}}})
    kernel.discover([Vault])
    async with kernel:
        calls: Iterable[tuple[str, Any]] = (
            ("vault.open", {"name": CANARY, "pin": CANARY}),
            ("vault.open", CANARY),
            ("vault.close", {"pin": CANARY}),
            ("vault.close", [CANARY]),
        )
        for target, params in calls:
            with pytest.raises(InvalidParams) as found:
                await kernel.bus.invoke(target, params)
            assert CANARY not in _said(found.value)
    assert [] == [record for record in caplog.records if CANARY in record.getMessage() + str(record.exc_text)]


@pytest.mark.parametrize(
    ("keywords", "field"),
    [
        ({"outcome": CANARY}, "outcome"),
        ({"occurred_at": CANARY}, "occurred_at"),
        ({"occurred_at": dt.datetime(2024, 1, 1)}, "occurred_at"),  # noqa: DTZ001 - the mistake itself
        ({"id": ""}, "id"),
        ({"id": 5}, "id"),
        ({"subject": [CANARY, 5]}, "subject"),
    ],
)
async def test_wrong_words_of_publish_are_named_without_their_values(keywords: dict[str, Any], field: str) -> None:
    """The keywords that describe a fact are checked like parameters."""
    kernel = Kernel({})
    kernel.discover([])
    async with kernel:
        with pytest.raises(InvalidParams) as found:
            await kernel.bus.publish("a.b", {}, **keywords)
    assert [(field,)] == [item["loc"] for item in found.value.__dict__["problems"]]
    assert CANARY not in _said(found.value)
