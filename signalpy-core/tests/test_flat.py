"""Flat models: where a count of fields says the same as pydantic itself."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AliasChoices, AliasPath, BaseModel, ConfigDict, Field, RootModel, ValidationError, field_validator

from signalpy.errors import InvalidParams
from signalpy.flat import is_flat
from signalpy.params import validator


class Flat(BaseModel):
    """Every kind of field that a flat model has."""

    model_config = ConfigDict(populate_by_name=True)
    giver: str = Field(alias="from")
    amount: Annotated[int, Field(ge=0)] = 0
    when: datetime | None = None
    tags: list[str] = []
    kind: Literal["a", "b"] = "a"
    anything: Any = None


class Nested(BaseModel):
    """Holds another model, in which there may be unknown fields, too."""

    inner: list[Flat]


class Path(BaseModel):
    """Two fields out of one key."""

    first: int = Field(validation_alias=AliasPath("pair", 0))
    second: int = Field(validation_alias=AliasPath("pair", 1))


class Choices(BaseModel):
    """One field out of several keys."""

    first: int = Field(validation_alias=AliasChoices("a", "b"))


class Twins(BaseModel):
    """Two fields under one alias."""

    first: int = Field(alias="x")
    second: int = Field(alias="x")


class Crossed(BaseModel):
    """A field's alias is the name of another."""

    model_config = ConfigDict(populate_by_name=True)
    first: int = Field(alias="second")
    second: int = Field(alias="third")


class SetsMore(BaseModel):
    """Sets a field that no key has set."""

    a: int = 0
    b: int = 0

    def model_post_init(self, context: Any, /) -> None:
        """Runs after validation."""
        self.b = 1


class Checked(BaseModel):
    """Runs code of its own."""

    a: int

    @field_validator("a")
    @classmethod
    def check(cls, value: int) -> int:
        """Lets everything pass."""
        return value


@pytest.mark.parametrize(
    ("model", "flat"),
    [
        (Flat, True),
        (Nested, False),
        (Path, False),
        (Choices, False),
        (Twins, False),
        (Crossed, False),
        (SetsMore, False),
        (Checked, False),
        (RootModel[int], False),
    ],
)
def test_which_models_are_flat(model: type[BaseModel], flat: bool) -> None:
    """Only where a key sets one field, and nothing else sets any."""
    assert flat is is_flat(model.__pydantic_core_schema__)


_VALUES = st.none() | st.integers(-1, 3) | st.text(max_size=2) | st.lists(st.text(max_size=1), max_size=2)


@given(
    st.sampled_from([Flat, Nested, Path, Choices, Twins, Crossed, SetsMore, Checked]),
    st.dictionaries(
        st.sampled_from(
            ["from", "giver", "amount", "tags", "a", "b", "pair", "x", "first", "second", "third", "inner", "other"]
        ),
        _VALUES,
        max_size=4,
    ),
)
def test_what_is_valid_is_what_pydantic_says_where_it_forbids_unknown_fields(
    model: type[BaseModel], params: dict[str, Any]
) -> None:
    """The same instance, or refused alike, whatever the model and the mapping."""
    expected: Any
    try:
        expected = model.__pydantic_validator__.validate_python(params, extra="forbid")
    except ValidationError as error:
        expected = [item["type"] for item in error.errors()]
    found: Any
    try:
        found = validator("x.y", model, takes_params=True)(params)
    except InvalidParams as error:
        found = [item["type"] for item in error.problems]
    assert expected == found
