"""JSON Schemas of what is known here: parameters of runnables, payloads of typed events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError
from pydantic.json_schema import GenerateJsonSchema

from signalpy.schemas import KNOWN


class _Names(GenerateJsonSchema):
    """Names of fields are all that is asked: no default is written as JSON, which not every one can be."""

    def encode_default(self, dft: Any) -> Any:
        return None


def of_calls(targets: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """By target, the schemas of its parameters by names of fields and by their aliases; none, if nothing is known.

    :param targets: params models, as `Runtime.targets` gives them.
    """
    return {target: [] if model is None else _of(model) for target, model in targets.items()}


def of_events() -> dict[str, list[dict[str, Any]]]:
    """By event type, the schemas of the payloads of its versions, as far as all are known."""
    found: dict[str, list[dict[str, Any]]] = {}
    for event_type, _, model in KNOWN.models():
        found.setdefault(event_type, []).extend(_of(model) or [{}])
    return found


def _of(model: Any) -> list[dict[str, Any]]:
    try:
        adapter = TypeAdapter(model)
        return [adapter.json_schema(by_alias=by_alias, schema_generator=_Names) for by_alias in (False, True)]
    except (PydanticUserError, PydanticSchemaGenerationError):
        return []  # it has parts that no schema can express
