"""The parameters of the trail's runnables."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field


class PageParams(BaseModel):
    """The filters of a page; what is not given lets everything pass."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    type: str | None = Field(default=None, description="pattern on action")
    target: str | None = Field(default=None, description="pattern on target")
    kind: str | None = Field(default=None, description="invoke, event, lifecycle, policy, access, gap or erasure")
    actor: str | None = Field(default=None, description="who did it")
    subject: str | None = Field(default=None, description="whom or what it concerned, one of them")
    caller: str | None = Field(default=None, description="the component that asked for it")
    outcome: str | None = Field(default=None, description="how it ended, such as success or denied")
    correlation_id: str | None = Field(default=None, description="the chain of operations that it belongs to")
    operation_id: str | None = Field(default=None, description="the operation that it tells of")
    since: str | datetime | None = Field(
        default=None, description="from this moment on (RFC 3339; UTC without an offset), or an age such as 24h"
    )
    until: str | datetime | None = Field(default=None, description="before this moment, likewise")
    order: str | None = Field(default=None, description="desc (default) or asc, by position")
    limit: int | None = Field(default=None, description="1 to 1000, 100 if not given")
    cursor: str | None = Field(default=None, description="the next of an earlier page")
    intents: bool | None = Field(default=None, description="whether intents that have an outcome are shown")
    count_by: str | None = Field(default=None, description="count by this field instead")
    max_bytes: int | None = Field(
        default=None,
        description="end the page before its records have more bytes, but not before the first one",
    )


class QueryParams(PageParams):
    """The filters of a query, and the form of its entries."""

    stored: bool | None = Field(default=None, description="each entry as its line, as stored but for encrypted values")


class ExportParams(PageParams):
    """The filters of an export, and its format."""

    format: str = Field(default="jsonl", description="jsonl, csv, cloudevents, ocsf or syslog")


class EraseParams(BaseModel):
    """Who is to be erased, and why.

    :param subject: as it stands in the data, or as ``subject=`` names it.
    :param reason: is recorded.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    subject: str = Field(min_length=1)
    reason: str = Field(min_length=1)
