"""The component's configuration table, ``[accounts]``."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from signalpy import ConfigError
from signalpy_accounts.book import Opening
from signalpy_accounts.errors import Rejected
from signalpy_accounts.money import Currency
from signalpy_accounts.params import Amount


class AccountSettings(BaseModel):
    """Settings of accounts. The balances are checked as if each account were opened by a call."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    balances: dict[str, Amount] = Field(
        default={"alice": 1000, "bob": 500, "charlie": 250},
        description="accounts to begin with; a database that exists already keeps its own",
    )
    database: Path | None = Field(default=None, description="file of a durable ledger (SQLite); without it, in memory")
    decimals: int = Field(default=2, ge=0, le=8, description="digits after the point of every amount")
    busy_timeout: float = Field(
        default=5.0, gt=0, le=60, description="seconds to wait for other processes that use the database"
    )

    @property
    def currency(self) -> Currency:
        """How amounts are written."""
        return Currency(self.decimals)

    @property
    def initial(self) -> dict[str, Decimal]:
        """The balances to begin with, exact."""
        return {name: self.currency.amount(value) for name, value in self.balances.items()}

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        for name, value in self.balances.items():
            try:
                Opening(name, self.currency.amount(value)).apply({}, self.currency)
            except Rejected as error:
                raise ConfigError(f"balances.{name}: {error}", key=f"balances.{name}") from error
        if self.database is not None and str(self.database) in {"", ".", ":memory:"}:
            told = "database: expected the path of a file; leave it out for a ledger in memory"
            raise ConfigError(told, key="database")
        return self
