"""What is wrong with a component's table, in words: each key, the nearest known one, and never a value.

A pydantic validator's own words may hold the value that they refuse. They are left out, except those of a
``ConfigError``, which by its contract holds none: a settings model raises it to say what it expected.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from signalpy import refusal
from signalpy.errors import ConfigError
from signalpy.matching import did_you_mean


def problems(error: ValidationError, model: type[BaseModel]) -> list[tuple[str, str]]:
    """Each problem as the dotted key and what is wrong there, in one line."""
    found = error.errors(include_url=False, include_input=False)
    return [(".".join(str(part) for part in item["loc"]), _words(item, model)) for item in found]


def _words(item: Any, model: type[BaseModel]) -> str:
    if item["type"] == "extra_forbidden":
        *path, key = item["loc"]
        known = sorted({name for inner in _models(model, path) for name in _names(inner)})
        hint = did_you_mean(str(key), known) or (f" Known keys: {', '.join(known)}." if known else "")
        return f"unknown key.{hint}"
    if item["type"] == "missing":
        return "is required and not set"
    message = refusal.words(item)
    if message is not None:
        return message[:1].lower() + message[1:]
    own = item.get("ctx", {}).get("error")
    return str(own) if isinstance(own, ConfigError) else "the component does not accept this value"


def _names(model: type[BaseModel]) -> list[str]:
    return [info.alias or name for name, info in model.model_fields.items()]


def _models(model: type[BaseModel], path: list[Any]) -> list[type[BaseModel]]:
    """The models that stand at ``path`` below ``model``; positions in lists and names of variants are passed over."""
    here = [model]
    for part in path:
        fields = [inner.model_fields[part] for inner in here if part in inner.model_fields]
        if fields:
            here = [inner for info in fields for inner in _within(info.annotation)]
    return here


def _within(annotation: Any) -> Iterator[type[BaseModel]]:
    """Every model that is part of a type annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _within(inner)
