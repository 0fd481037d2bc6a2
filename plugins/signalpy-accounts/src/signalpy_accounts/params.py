"""What the runnables take.

A field that is missing, unknown or of another type is refused by these models (``InvalidParams``). An amount or an
account that is well-formed but makes no sense, such as NaN or a name that nobody has, passes and is answered with
``{"error": …}``.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt, StrictStr

Amount: TypeAlias = StrictInt | StrictFloat | StrictStr | Annotated[Decimal, Field(strict=True, allow_inf_nan=True)]
"""A number as callers write it, taken over as it is; a bool is none."""


class Params(BaseModel):
    """Base of them all: immutable, and silent about the values in its errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class TransferParams(Params):
    """From whom, to whom, how much."""

    from_account: StrictStr = Field(description="the account that pays")
    to_account: StrictStr = Field(description="the account that receives")
    amount: Amount = Field(description='more than 0; a number or a text such as "150.00"')


class BalanceParams(Params):
    """Whose balance."""

    account: StrictStr | None = Field(default=None, description="one account; all open ones without it")


class OpenParams(Params):
    """Which account, and with how much."""

    account: StrictStr = Field(description="1 to 128 printable characters")
    initial: Amount = Field(default=0, description="the balance that it begins with, 0 or more")


class CloseParams(Params):
    """Which account."""

    account: StrictStr = Field(description="an open, empty account")
