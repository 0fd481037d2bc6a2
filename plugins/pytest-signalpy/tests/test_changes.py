"""Changes of a JSON Schema: those after which old payloads mean something else, and those after which they do not."""

from __future__ import annotations

import json
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, create_model

from pytest_signalpy.samples.changes import changes


class Line(BaseModel):
    """A line of an order."""

    sku: str
    price: Decimal


class Priced(BaseModel):
    """Another line."""

    sku: str
    price: str


class Node(BaseModel):
    """One that holds itself."""

    below: list[Node] = []


class Tree(BaseModel):
    """Another one."""

    below: list[Tree] = []
    name: int = 0


class Colour(Enum):
    """Two of them."""

    RED = "red"
    BLUE = "blue"


def schema(**fields: Any) -> dict[str, Any]:
    """The JSON Schema of a model with these fields."""
    return create_model("Model", **fields).model_json_schema()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ({"a": str}, {}, ["a is gone"]),
        ({"a": str}, {"b": str}, ["a is gone", "b is new and required"]),
        ({"a": (str, "")}, {"a": str}, ["a could be left out, and is required"]),
        ({"a": int}, {"a": str}, ["a was integer, is string"]),
        ({"a": str}, {"a": str | None}, ["a was string, is null or string"]),
        ({"a": int}, {"a": float}, ["a was integer, is number"]),
        ({"a": list[Line]}, {"a": list[Priced]}, ["a[].price was number or string, is string"]),
        ({"a": dict[str, int]}, {"a": dict[str, str]}, ["a.* was integer, is string"]),
        ({"a": Line | None}, {"a": Priced | None}, ["a.price was number or string, is string"]),
        ({"a": tuple[int, str]}, {"a": tuple[int, int]}, ["a[1] was string, is integer"]),
        ({"a": tuple[int, str]}, {"a": tuple[int, str, int]}, ["a was array of 2, is array of 3"]),
        ({"a": Literal["x", "y"]}, {"a": Literal["x"]}, ['a no longer takes "y"']),
        ({"a": str}, {"a": Colour}, ['a took any value, and takes only "red", "blue"']),
        ({"a": str}, {"a": Annotated[str, Field(max_length=3)]}, ["a has a new limit, maxLength 3"]),
        (
            {"a": Annotated[int, Field(ge=1)]}, {"a": Annotated[int, Field(ge=2)]}, ["a: minimum was 1, is 2"]
        ),
        ({"a": Annotated[int, Field(le=9)]}, {"a": Annotated[int, Field(le=5)]}, ["a: maximum was 9, is 5"]),
        ({"a": list[int]}, {"a": set[int]}, ["a: its elements have to differ now"]),
        ({"a": int}, {"a": Annotated[int, Field(multiple_of=5)]}, ["a: multipleOf was not set, is 5"]),
        ({"a": dict[str, Any]}, {"a": Line}, ["a.sku is new and required", "a.price is new and required"]),
        ({"a": Any}, {"a": int}, ["a was anything, is integer"]),
        ({"a": Node}, {"a": Tree}, []),
    ],
)  # fmt: skip
def test_a_change_of_meaning_is_told(old: dict[str, Any], new: dict[str, Any], told: list[str]) -> None:
    """Each with the path of its field; a field that may be left out is none."""
    assert told == changes(schema(**old), schema(**new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"a": str}, {"a": Annotated[str, Field(title="A", description="of it", examples=["x"])]}),
        ({"a": str}, {"a": (str, "")}),
        ({"a": str}, {"a": str, "b": (int, 0)}),
        ({"a": Annotated[int, Field(le=5)]}, {"a": Annotated[int, Field(le=9)]}),
        ({"a": Annotated[int, Field(le=5)]}, {"a": int}),
        ({"a": Literal["x"]}, {"a": Literal["x", "y"]}),
        ({"a": Line}, {"a": Line}),
        ({"a": int | str}, {"a": str | int}),
    ],
)
def test_what_only_adds_or_describes_is_no_change(old: dict[str, Any], new: dict[str, Any]) -> None:
    """Nothing is told."""
    assert [] == changes(schema(**old), schema(**new))


def test_a_model_that_holds_itself_ends() -> None:
    """References that come back are followed once; a change behind them is found."""
    text = create_model("Leaf", below=(list[Tree], []), name=(str, ""))
    assert ["name was integer, is string"] == changes(Tree.model_json_schema(), text.model_json_schema())


def test_a_class_that_closes_itself() -> None:
    """Further fields that were ignored are refused."""
    closed = create_model("Model", __config__=ConfigDict(extra="forbid"), a=str).model_json_schema()
    assert ["the payload takes no further fields any more"] == changes(schema(a=str), closed)


FIELDS: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "an integer": (int, st.integers()),
    "a small integer": (Annotated[int, Field(ge=-3, le=3)], st.integers(-3, 3)),
    "a number": (float, st.floats(allow_nan=False, allow_infinity=False)),
    "a text": (str, st.text()),
    "a short text": (Annotated[str, Field(max_length=2)], st.text(max_size=2)),
    "a truth": (bool, st.booleans()),
    "a decimal": (Decimal, st.decimals(allow_nan=False, allow_infinity=False).map(str)),
    "an integer or nothing": (int | None, st.none() | st.integers()),
    "a few words": (Literal["a", "b"], st.sampled_from("ab")),
    "more words": (Literal["a", "b", "c"], st.sampled_from("abc")),
    "a list": (list[int], st.lists(st.integers(), max_size=3)),
    "a set": (set[int], st.lists(st.integers(), max_size=3, unique=True)),
    "a pair": (tuple[int, str], st.tuples(st.integers(), st.text()).map(list)),
    "a mapping": (dict[str, int], st.dictionaries(st.text(max_size=3), st.integers(), max_size=3)),
    "a model": (Line, st.fixed_dictionaries({"sku": st.text(), "price": st.integers()})),
    "models": (list[Priced], st.lists(st.fixed_dictionaries({"sku": st.text(), "price": st.text()}), max_size=2)),
}

models = st.dictionaries(st.sampled_from("xyz"), st.tuples(st.sampled_from(list(FIELDS)), st.booleans()))


def made(fields: dict[str, tuple[str, bool]]) -> type[BaseModel]:
    """A model with fields of these kinds; those that need not be there have a default."""
    given = {name: (FIELDS[kind][0], ... if needed else None) for name, (kind, needed) in fields.items()}
    return create_model("Model", **given)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # making classes takes its time under load
@given(models, models, st.data())
def test_without_a_change_whatever_was_written_is_read(
    old: dict[str, tuple[str, bool]], more: dict[str, tuple[str, bool]], data: st.DataObject
) -> None:
    """Where nothing is told, every payload that fits the old schema fits the new class, and no field of it is lost."""
    payload = {
        name: data.draw(FIELDS[kind][1]) for name, (kind, needed) in old.items() if needed or data.draw(st.booleans())
    }
    new = {**old, **more}
    told = changes(made(old).model_json_schema(), made(new).model_json_schema())
    event(f"{len(told)} changes")
    made(old).model_validate_json(json.dumps(payload))
    if not told:
        made(new).model_validate_json(json.dumps(payload))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(models)
def test_a_schema_has_not_changed_from_itself(fields: dict[str, tuple[str, bool]]) -> None:
    """Made anew from the same fields it is the same."""
    assert [] == changes(made(fields).model_json_schema(), made(fields).model_json_schema())
