"""Typed events: a model whose instances can be published.

::

    class Transfer(Event, type="account.transfer", version=2):
        sender: str
        amount: Decimal

Publishing an instance stamps the publication with the schema ``"account.transfer/v2"``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError

from signalpy import refusal, schemas
from signalpy.errors import DefinitionError, InvalidParams


class Event(BaseModel):
    """Base of typed events. Instances are immutable.

    :raises DefinitionError: at class definition, if the type or the version is wrong.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    event_type: ClassVar[str] = ""
    event_version: ClassVar[int] = 1

    def __init_subclass__(cls, *, type: str | None = None, version: int | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if type is not None:
            if not isinstance(type, str) or not type or any(mark in type for mark in "*?[/"):
                raise DefinitionError(
                    f'{cls.__qualname__}: bad event type {type!r}. Use a plain name, e.g. type="account.transfer".',
                    component=None,
                    method=None,
                )
            cls.event_type = type
        if version is not None:
            if not isinstance(version, int) or isinstance(version, bool) or version < 1:
                raise DefinitionError(
                    f"{cls.__qualname__}: bad version {version!r}. Versions are 1, 2, 3, …", component=None, method=None
                )
            cls.event_version = version
        if cls.event_type:
            schemas.KNOWN.know(cls.event_type, cls.event_version, cls)

    @classmethod
    def schema_id(cls) -> str:
        """``"<type>/v<version>"``, the stamp of a publication."""
        return schemas.stamp(cls.event_type, cls.event_version)

    def payload(self) -> dict[str, Any]:
        """The event's data as subscribers that take mappings see it: Python values by field name."""
        return self.model_dump()

    @classmethod
    def of(cls, data: Any) -> Event:
        """An instance from a published payload.

        :raises InvalidParams: if the payload does not fit; no value is in it.
        """
        if isinstance(data, cls):
            return data
        try:
            return cls.model_validate(dict(data) if isinstance(data, Mapping) else data)
        except ValidationError as error:
            found = refusal.problems(error)
        # Raised outside of the handler: in a traceback the pydantic error would show the values.
        raise InvalidParams(
            f"{cls.event_type}: the payload does not fit {cls.__name__}: {refusal.told(found)}",
            target=cls.event_type,
            problems=found,
        )
