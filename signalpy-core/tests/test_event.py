"""Typed events: what they are called, what they carry, and who gets an instance."""

import traceback
from decimal import Decimal
from types import new_class
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError, field_validator

from signalpy.errors import DefinitionError, InvalidParams
from signalpy.kernel import Event, Kernel, Publication, component, hookimpl, subscribe

CANARY = "canary-7f3a"


class Transfer(Event, type="account.transfer", version=2):
    """Money has moved."""

    sender: str
    amount: Decimal


class Large(Transfer, type="account.transfer.large"):
    """A transfer that is told under a name of its own."""


class Picky(Event, type="picky"):
    """An event whose own rule quotes what it refuses."""

    value: str

    @field_validator("value")
    @classmethod
    def refuse(cls, value: str) -> str:
        if value != "good":
            raise ValueError(f"cannot take {value}")
        return value


@given(st.text(min_size=1).filter(lambda text: not set(text) & set("*?[/")), st.integers(1, 10**9))
def test_an_event_knows_its_type_and_version(name: str, version: int) -> None:
    """Type and version stand in the schema's name, whatever they are."""
    cls: type[Event] = new_class("Told", (Event,), {"type": name, "version": version})
    assert (name, version, f"{name}/v{version}") == (cls.event_type, cls.event_version, cls.schema_id())


def test_version_one_is_the_first() -> None:
    """Without a version an event is in its first."""

    class First(Event, type="first"): ...

    assert "first/v1" == First.schema_id()


def test_a_subclass_has_what_it_does_not_say_from_its_base() -> None:
    """A type of its own keeps the base's version and fields."""
    assert "account.transfer.large/v2" == Large.schema_id()
    assert {"sender": "alice", "amount": Decimal(5)} == Large(sender="alice", amount=Decimal(5)).payload()


@pytest.mark.parametrize("name", ["", "account.*", "a?", "a[b]", "a/v2", 5])
def test_a_bad_type_is_refused_at_the_class(name: Any) -> None:
    """A type is a plain name: no pattern, no schema, no empty text."""
    with pytest.raises(DefinitionError, match="Broken: bad event type") as found:
        new_class("Broken", (Event,), {"type": name})
    assert "Use a plain name" in str(found.value)


@pytest.mark.parametrize("version", [0, -1, True, "2", 1.5])
def test_a_bad_version_is_refused_at_the_class(version: Any) -> None:
    """Versions are whole numbers from one."""
    with pytest.raises(DefinitionError, match="Broken: bad version"):
        new_class("Broken", (Event,), {"type": "x", "version": version})


def test_instances_do_not_change() -> None:
    """An event tells of what has happened."""
    event = Transfer(sender="alice", amount=Decimal(5))
    with pytest.raises(ValidationError):
        event.sender = "mallory"


def test_a_payload_makes_the_same_event_again() -> None:
    """What is published as a mapping is read back as an equal instance; an instance stays as it is."""
    event = Transfer(sender="alice", amount=Decimal("5.10"))
    assert event == Transfer.of(event.payload())
    assert event is Transfer.of(event)


@pytest.mark.parametrize(
    ("cls", "data"),
    [
        (Picky, {"value": CANARY}),
        (Transfer, {"sender": [CANARY], "amount": CANARY}),
        (Transfer, CANARY),
        (Transfer, None),
    ],
)
def test_a_payload_that_does_not_fit_is_refused_without_its_values(cls: type[Event], data: Any) -> None:
    """The error names event and fields; neither it nor its traceback holds a value, whoever worded the refusal."""
    with pytest.raises(InvalidParams) as found:
        cls.of(data)
    error = found.value
    assert cls.event_type == error.__dict__["target"]
    assert f"{cls.event_type}: the payload does not fit {cls.__name__}: " in str(error)
    assert CANARY not in str(error) + repr(error.__dict__) + "".join(traceback.format_exception(error))
    assert error.__context__ is None


class Heard:
    """A component that keeps what it hears; the hooks of dead letters with it."""

    def __init__(self) -> None:
        self.instances: list[Any] = []
        self.mappings: list[Any] = []
        self.publications: list[Publication] = []
        self.dead: list[BaseException] = []

    @subscribe(Transfer)
    def on_instance(self, event_type: str, data: Transfer) -> None:
        self.instances.append(data)

    @subscribe(Picky)
    def on_picky(self, event_type: str, data: Picky) -> None:
        self.instances.append(data)

    @subscribe("*")
    def on_mapping(self, event_type: str, data: Any, event: Publication) -> None:
        if not event_type.startswith("kernel."):
            self.mappings.append(data)
            self.publications.append(event)

    @hookimpl
    def signalpy_dead_letter(self, error: BaseException) -> None:
        self.dead.append(error)


def _kernel() -> Kernel:
    kernel = Kernel({})
    kernel.discover([component("heard", version="1.0")(type("Fresh", (Heard,), {}))])
    return kernel


async def test_a_typed_event_is_stamped_and_reaches_each_in_its_own_form() -> None:
    """Who asked for the class gets the very instance, who asked for a pattern a mapping; the schema is told to all."""
    async with _kernel() as kernel:
        event = Transfer(sender="alice", amount=Decimal(5))
        await kernel.bus.publish(event, id="x-1")
        heard = kernel.get("heard")
    assert event is heard.instances[0]
    assert [{"sender": "alice", "amount": Decimal(5)}] == heard.mappings
    assert ("account.transfer", "account.transfer/v2", "x-1") == (
        heard.publications[0].event_type,
        heard.publications[0].schema,
        heard.publications[0].id,
    )


async def test_a_mapping_reaches_a_typed_subscriber_as_an_instance() -> None:
    """Who publishes need not know the class; a schema is as given."""
    async with _kernel() as kernel:
        await kernel.bus.publish(
            "account.transfer", {"sender": "alice", "amount": "5.10"}, schema="account.transfer/v1"
        )
        heard = kernel.get("heard")
    assert [Transfer(sender="alice", amount=Decimal("5.10"))] == heard.instances
    assert "account.transfer/v1" == heard.publications[0].schema


async def test_a_mapping_that_does_not_fit_is_a_dead_letter_without_values(caplog: pytest.LogCaptureFixture) -> None:
    """The typed subscriber is not called, the others are, and nothing that was refused is logged."""
    async with _kernel() as kernel:
        await kernel.bus.publish("picky", {"value": CANARY})
        heard = kernel.get("heard")
    assert ([], [{"value": CANARY}]) == (heard.instances, heard.mappings)
    assert [InvalidParams] == [type(error) for error in heard.dead]
    assert CANARY not in caplog.text


async def test_an_event_cannot_be_published_with_other_data_or_without_a_type() -> None:
    """A typed event is its own payload, and a class without ``type=`` has no name to be published under."""

    class Nameless(Event):
        value: int = 0

    async with _kernel() as kernel:
        with pytest.raises(InvalidParams, match="a typed event carries its own data"):
            await kernel.bus.publish(Transfer(sender="a", amount=Decimal(1)), {"sender": "b"})
        with pytest.raises(InvalidParams, match="Nameless was declared without type="):
            await kernel.bus.publish(Nameless())
        with pytest.raises(InvalidParams, match="expected a text or an Event, found dict"):
            await kernel.bus.publish({"value": CANARY})
        assert [] == kernel.get("heard").mappings
