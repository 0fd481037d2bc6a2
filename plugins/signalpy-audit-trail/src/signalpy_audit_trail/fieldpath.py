"""Paths into a JSON value: ``a.b``, ``lines[0].note``, ``lines[*].note``, ``*.iban``, ``["odd.key"]``.

Grammar (spaces are not skipped)::

    path   = first *( "." name / index )        first = name / index
    name   = "*" / 1*( any character but  . [ ] " * )
    index  = "[" ( "*" / digits / JSON string ) "]"

``*`` as a name stands for every member of an object, ``[*]`` for every element of a list. A key that is no plain name
is written as a JSON string in brackets. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from typing import TypeAlias

import msgspec

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
"""A value made of exactly these types, so that encoding it cannot fail."""


class Wild(Enum):
    """A step that stands for all children."""

    MEMBER = "*"
    ELEMENT = "[*]"


Step: TypeAlias = "str | int | Wild"
Path: TypeAlias = "tuple[Step, ...]"

_INDEX = r'\[(?:(?P<all>\*)|(?P<index>\d{1,9})|(?P<key>"(?:[^"\\]|\\.)*"))\]'
_TOKEN = re.compile(rf'(?P<dot>\.?)(?:(?P<name>[^.\[\]"*]+|\*)|{_INDEX})')
_PLAIN = re.compile(r'[^.\[\]"*\x00-\x1f]+')
_KEY_SHOWN = 64


def parse(text: str) -> Path:
    """The steps of a written path.

    :raises ValueError: if ``text`` is no path, telling at which character.
    """
    steps: list[Step] = []
    place = 0
    while place < len(text) or not steps:
        token = _TOKEN.match(text, place)
        named = token is not None and token["name"] is not None
        if token is None or bool(token["dot"]) != (named and bool(steps)):
            found = f"found {text[place : place + 20]!r} at character {place}" if text else "found nothing"
            raise ValueError(f"path {text!r}: expected a name or an index such as a.b or lines[*].note, {found}")
        steps.append(_step(token))
        place = token.end()
    return tuple(steps)


def written(path: Path) -> str:
    """The text of a path; `parse` gives the same steps back, unless a key is so long that only its start is shown."""
    return "".join(_shown(step) for step in path).removeprefix(".")


def exact(path: Path) -> str:
    """The text of a path with every key in full."""
    return "".join(_shown(step, most=len(step) if isinstance(step, str) else 0) for step in path).removeprefix(".")


def find(value: Json, path: Path) -> Iterator[tuple[Path, Json]]:
    """Every place in ``value`` that ``path`` leads to, in order, as its exact path and what is there."""
    if not path:
        yield (), value
        return
    for step, child in _children(value, path[0]):
        for rest, found in find(child, path[1:]):
            yield (step, *rest), found


def _children(value: Json, step: Step) -> Iterator[tuple[Step, Json]]:
    if isinstance(value, dict):
        if step is Wild.MEMBER:
            yield from value.items()
        elif isinstance(step, str) and step in value:
            yield step, value[step]
    elif isinstance(value, list):
        if step is Wild.ELEMENT:
            yield from enumerate(value)
        elif isinstance(step, int) and step < len(value):
            yield step, value[step]


def _step(token: re.Match[str]) -> Step:
    if token["all"]:
        return Wild.ELEMENT
    if token["index"]:
        return int(token["index"])
    if token["key"]:
        return _unquoted(token["key"])
    return Wild.MEMBER if token["name"] == "*" else token["name"]


def _unquoted(text: str) -> str:
    try:
        return msgspec.json.decode(text, type=str)
    except msgspec.DecodeError as wrong:
        raise ValueError(f"path: expected a JSON string in brackets, found {text!r}: {wrong}") from wrong


def _shown(step: Step, *, most: int = _KEY_SHOWN) -> str:
    if isinstance(step, Wild):
        return step.value if step is Wild.ELEMENT else f".{step.value}"
    if isinstance(step, int):
        return f"[{step}]"
    key = step if len(step) <= most else step[:most] + "…"
    return f".{key}" if _PLAIN.fullmatch(key) else f"[{msgspec.json.encode(key).decode()}]"
