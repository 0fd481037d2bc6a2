"""Versions of payloads: what was stored once is read in the form of today."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalpy import DefinitionError, Event, upcast
from signalpy.schemas import KNOWN, Reading, Schemas, parsed, stamp


def renamed(data: dict[str, Any]) -> dict[str, Any]:
    data["amount"] = data.pop("sum")
    return data


def in_cents(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "amount": data["amount"] * 100}


@pytest.fixture
def schemas() -> Schemas:
    """Three versions of one type."""
    found = Schemas()
    found.add("account.transfer", 1, renamed)
    found.add("account.transfer", 2, in_cents)
    return found


@given(st.text(min_size=1), st.integers(1, 10**9 - 1))
def test_a_stamp_is_read_back(event_type: str, version: int) -> None:
    """Type and version, whatever the type has in it."""
    assert (event_type, version) == parsed(stamp(event_type, version))


@pytest.mark.parametrize("text", ["", "a", "a/v", "a/v0", "a/v01", "a/vx", "/v1", "a/v1 ", "a/v-1", "a/v" + "9" * 30])
def test_what_is_no_stamp_is_none(text: str) -> None:
    """A schema that an application stamped in its own way is left alone."""
    assert parsed(text) is None
    assert Reading(text, {"a": 1}) == Schemas().read(text, {"a": 1})


def test_a_payload_goes_through_the_whole_chain_and_the_stored_one_stays(schemas: Schemas) -> None:
    """From any version to the newest; what was given is not changed, also inside."""
    first, second = {"sum": 3, "of": [1]}, {"amount": 3}
    assert Reading("account.transfer/v3", {"of": [1], "amount": 300}, "upcast") == schemas.read(
        "account.transfer/v1", first
    )
    assert Reading("account.transfer/v3", {"amount": 300}, "upcast") == schemas.read("account.transfer/v2", second)
    assert Reading("account.transfer/v3", {"amount": 1}) == schemas.read("account.transfer/v3", {"amount": 1})
    assert {"sum": 3, "of": [1]} == first
    assert "<Schemas(num_types=1, num_upcasters=2)>" == repr(schemas)


def test_a_newer_version_is_read_as_it_is_and_flagged(schemas: Schemas) -> None:
    """Written by a later release of the plugin than the reader has."""
    reading = schemas.read("account.transfer/v4", {"x": 1})
    assert ({"x": 1}, "newer", "account.transfer/v4") == (reading.data, reading.flag, reading.schema)
    assert "newer than account.transfer/v3" in str(reading.problem)


def test_a_hole_in_the_chain_is_flagged(schemas: Schemas) -> None:
    """Nothing is upcast half of the way."""
    schemas.add("account.transfer", 4, in_cents)
    reading = schemas.read("account.transfer/v1", {"sum": 3})
    assert ({"sum": 3}, "older") == (reading.data, reading.flag)
    assert "account.transfer/v3" in str(reading.problem)


@pytest.mark.parametrize(
    ("upcaster", "data", "told"),
    [
        (renamed, {"secret": "canary-5d1"}, "raised KeyError"),
        (lambda data: None, {"secret": "canary-5d1"}, "returned NoneType"),
        (renamed, "canary-5d1", "expected a mapping"),
    ],
)
def test_an_upcaster_that_fails_costs_its_record_nothing(upcaster: Any, data: Any, told: str) -> None:
    """The record is read as it was stored, and the flag tells no value."""
    schemas = Schemas()
    schemas.add("a", 1, upcaster)
    reading = schemas.read("a/v1", data)
    assert (data, "failed", "a/v1") == (reading.data, reading.flag, reading.schema)
    assert told in str(reading.problem)
    assert "canary" not in str(reading.problem)


def test_a_step_has_one_function(schemas: Schemas) -> None:
    """A second one is an error that names both; the same one again, as after a reload, is none."""
    schemas.add("account.transfer", 1, renamed)
    with pytest.raises(DefinitionError, match=r"in_cents: .*renamed already reads account\.transfer/v1"):
        schemas.add("account.transfer", 1, in_cents)


@pytest.mark.parametrize(("event_type", "version"), [("", 1), ("a.*", 1), ("a", 0), ("a", True), ("a", "1"), (3, 1)])
def test_a_bad_step_is_told_where_it_is_declared(event_type: Any, version: Any) -> None:
    """At import, like every mistake of a declaration."""
    with pytest.raises(DefinitionError, match="upcast: "):
        upcast(event_type, from_version=version)


def test_the_decorator_and_typed_events_tell_what_is_known() -> None:
    """A class counts for as long as it lives; the function is returned as it was."""

    class Moved(Event, type="test.moved", version=3):
        """Something moved."""

        to: str

    @upcast("test.moved", from_version=2)
    def step(data: dict[str, Any]) -> dict[str, Any]:
        return {**data, "to": "here"}

    assert {"to": "here"} == step({})
    assert 3 == KNOWN.newest("test.moved")
    assert ("test.moved", 3, Moved) in list(KNOWN.models())
    assert "test.moved" in KNOWN.types()
    del Moved
    gc.collect()
    assert not [each for each in KNOWN.models() if each[0] == "test.moved"]
