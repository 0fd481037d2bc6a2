"""Flat models: those of which a count of fields tells whether a mapping held one that nobody knows.

Where pydantic itself is to forbid unknown fields, it goes through every mapping a second time, which costs a fifth of
validating a small model. In a flat model each key of a valid mapping sets at most one field, so that none is unknown
where as many fields are set as there are keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_LEAVES: Final = frozenset(
    [
        "any",
        "bool",
        "bytes",
        "date",
        "datetime",
        "decimal",
        "enum",
        "float",
        "int",
        "literal",
        "none",
        "str",
        "time",
        "timedelta",
        "url",
        "uuid",
    ]
)
_WRAPPERS: Final = frozenset({"default", "nullable"})


def is_flat(schema: Mapping[str, Any]) -> bool:
    """Whether a model's core schema is that of a flat model.

    Its fields hold no other models, none is set by anything but a key of its own, and no code of the model's runs.
    """
    fields = schema.get("schema", {})
    if schema["type"] != "model" or fields.get("type") != "model-fields":
        return False
    if schema.get("custom_init") or schema.get("post_init"):
        return False
    aliases = [field.get("validation_alias", name) for name, field in fields["fields"].items()]
    if not all(isinstance(alias, str) for alias in aliases):
        return False  # one key may set several fields
    keys = [key for name, alias in zip(fields["fields"], aliases, strict=True) for key in {name, alias}]
    if len(set(keys)) < len(keys):
        return False
    return all(_holds_no_model(field["schema"]) for field in fields["fields"].values())


def _holds_no_model(schema: Mapping[str, Any]) -> bool:
    kind = schema["type"]
    if kind == "list":
        return "items_schema" not in schema or _holds_no_model(schema["items_schema"])
    return kind in _LEAVES or (kind in _WRAPPERS and _holds_no_model(schema["schema"]))
