"""The parameters of the trail's runnables."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field


class QueryParams(BaseModel):
    """The filters of a query; what is not given lets everything pass.

    :param type: pattern on ``action``.
    :param target: pattern on ``target``.
    :param kind: ``invoke``, ``event``, ``lifecycle``, ``policy``, ``access``, ``gap`` or ``erasure``.
    :param actor: who did it.
    :param subject: whom or what it concerned, one of them.
    :param caller: the component that asked for it.
    :param outcome: how it ended, such as ``success`` or ``denied``.
    :param correlation_id: the chain of operations that it belongs to.
    :param operation_id: the operation that it tells of.
    :param since: from this moment on (RFC 3339; UTC without an offset), or an age such as ``24h``.
    :param until: before this moment, likewise.
    :param order: ``desc`` (default) or ``asc``, by position.
    :param limit: 1 to 1000, 100 if not given.
    :param cursor: the ``next`` of an earlier page.
    :param intents: whether intents that have an outcome are shown.
    :param count_by: count by this field instead.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    type: str | None = None
    target: str | None = None
    kind: str | None = None
    actor: str | None = None
    subject: str | None = None
    caller: str | None = None
    outcome: str | None = None
    correlation_id: str | None = None
    operation_id: str | None = None
    since: str | datetime | None = None
    until: str | datetime | None = None
    order: str | None = None
    limit: int | None = None
    cursor: str | None = None
    intents: bool | None = None
    count_by: str | None = None


class ExportParams(QueryParams):
    """The filters of an export, and its format.

    :param format: ``jsonl``, ``csv``, ``cloudevents``, ``ocsf`` or ``syslog``.
    """

    format: str = "jsonl"


class EraseParams(BaseModel):
    """Who is to be erased, and why.

    :param subject: as it stands in the data, or as ``subject=`` names it.
    :param reason: is recorded.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    subject: str = Field(min_length=1)
    reason: str = Field(min_length=1)
