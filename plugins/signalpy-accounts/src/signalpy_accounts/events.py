"""What is published of changes, typed: the payloads that others, and trails for years to come, rely on."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pydantic import ConfigDict, Field

from signalpy import Event


class Transferred(Event, type="account.transfer", version=1):
    """Money moved from one account to another."""

    # The names on the bus are no names of Python.
    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True)

    sender: str = Field(alias="from", description="the account that paid")
    receiver: str = Field(alias="to", description="the account that received")
    amount: float = Field(description="in the ledger's currency")


class Opened(Event, type="account.opened", version=1):
    """An account was opened, or a closed one again."""

    account: str = Field(description="its name")
    balance: float = Field(description="what it began with")


class Closed(Event, type="account.closed", version=1):
    """An empty account was closed."""

    account: str = Field(description="its name")


SCHEMAS: Final[Mapping[str, str]] = MappingProxyType(
    {each.event_type: each.schema_id() for each in (Transferred, Opened, Closed)}
)
"""The stamp of each event type, in the version in which it is published."""
