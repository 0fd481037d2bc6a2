"""What a pydantic model refused, in words that hold none of the values.

Most of pydantic's messages say what was expected. Those that quote the input, or the words of somebody's exception, and
those that a model's own validator chose are left out.
"""

from __future__ import annotations

from typing import Any, Final

_QUOTING: Final = {
    "assertion_error": None,
    "bytes_invalid_encoding": "Input should be validly encoded",
    "datetime_object_invalid": "Input should be a valid datetime",
    "get_attribute_error": None,
    "iteration_error": "Input should be iterable",
    "mapping_type": "Input should be a valid mapping",
    "timezone_offset": "Input should have another timezone offset",
    "union_tag_invalid": None,
    "uuid_parsing": "Input should be a valid UUID",
    "value_error": None,
}
"""Kinds of problem whose message may quote the value, and what is said instead."""


def words(problem: Any) -> str | None:
    """What pydantic says of one item of ``ValidationError.errors()`` (with its context), if that quotes no value."""
    from pydantic_core import PydanticKnownError

    kind, message = problem["type"], str(problem["msg"])
    if kind in _QUOTING:
        return _QUOTING[kind]
    try:
        known = PydanticKnownError(kind, problem.get("ctx")).message()
    except (KeyError, TypeError, ValueError):
        return None
    # A validator may give words of its own to a kind that pydantic knows.
    return message if message == known else None


def problems(error: Any) -> list[dict[str, Any]]:
    """Every problem of a ``ValidationError`` as ``{"loc": tuple, "msg": str, "type": str}``."""
    found = error.errors(include_url=False, include_input=False)
    return [
        {"loc": tuple(item["loc"]), "msg": words(item) or "is refused by the model", "type": item["type"]}
        for item in found
    ]


def told(problems: list[dict[str, Any]]) -> str:
    """The problems in one line."""
    return "; ".join(f"{'.'.join(map(_shown, item['loc'])) or 'parameters'}: {item['msg']}" for item in problems)


def _shown(part: object) -> str:
    """A name as it is, unless it would break the line."""
    text = str(part)
    return text if text.isprintable() else ascii(text)
