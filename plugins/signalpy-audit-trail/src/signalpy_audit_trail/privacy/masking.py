"""Takes values out of texts that tell of them: of an error's words, above all. Pure."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import date, datetime, time
from typing import Final
from urllib.parse import quote, quote_plus

from signalpy_audit_trail.encoding import encode
from signalpy_audit_trail.fieldpath import Json

REDACTED: Final = "[redacted]"

_WORD: Final = 4
"""Texts that are shorter are taken out only where they stand as a word of their own."""

_LINE: Final = 8
"""Lines of a text are taken out alone, too, if they have so many characters."""

_LONG: Final = 256
"""What begins like a text of so many characters is taken out to the end: whoever tells of it may cut it anywhere."""

_MOMENT: Final = 40
"""Characters of a moment in ISO 8601, at most."""

_MOST: Final = 2000
"""How many texts are looked for."""

_BASE64: Final = re.compile(r"(?:[A-Za-z0-9+/]{4}){2,}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


class Mask:
    """What takes some values out of texts.

    :param values: the values; of objects and lists, all that they hold, and the keys.
    :ivar hides_all: whether a text is taken out as a whole, since a value may be told in any form: it is of a class
        that was not looked into, or holds more texts than are looked for.
    """

    __slots__ = ("_pattern", "hides_all", "texts")

    def __init__(self, values: Iterable[Json]) -> None:
        told = [*values]
        self.texts: frozenset[str] = frozenset(
            form for value in told for text in _texts(value) for form in _forms(text)
        )
        self.hides_all = len(self.texts) > _MOST or any(map(_is_opaque, told))
        self._pattern: re.Pattern[str] | None = None

    @classmethod
    def everything(cls) -> Mask:
        """One that takes out all of a text."""
        mask = cls(())
        mask.hides_all = True
        return mask

    def __repr__(self) -> str:
        return f"<Mask({len(self.texts)} texts)>"

    def __bool__(self) -> bool:
        return self.hides_all or bool(self.texts)

    def __reduce__(self) -> tuple[type[Mask], tuple[tuple[Json, ...]]]:
        """Copies of this, in other processes for instance, know no value."""
        return (Mask, ((),))

    def within(self, text: str) -> bool:
        """Whether something is to be taken out of ``text``."""
        return self(text) != text

    def __call__(self, text: str) -> str:
        """``text`` with ``[redacted]`` for each value in it, whatever the case of its letters."""
        if not self or not text:
            return text
        if self.hides_all:
            return REDACTED
        if self._pattern is None:
            self._pattern = _compiled(self.texts)
        return self._pattern.sub(REDACTED, text)


def masked(value: Json, mask: Mask) -> Json:
    """``value`` with the values taken out of all its texts."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, dict):
        return {key: masked(child, mask) for key, child in value.items()}
    return [masked(child, mask) for child in value] if isinstance(value, list) else value


def text_of(value: Json) -> str:
    """A value as the text that a subject is: texts as they are, others as their JSON."""
    return value if isinstance(value, str) else encode(value).decode()


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, dict):
        for key, child in value.items():
            yield key
            yield from _texts(child)
    elif isinstance(value, list):
        for child in value:
            yield from _texts(child)
    elif value is not None and not isinstance(value, bool):
        yield text_of(value)


def _is_opaque(value: Json) -> bool:
    """Whether something stands in a value for what is no JSON, and may be shown by code of its own (`encoding`)."""
    if isinstance(value, dict):
        return value.keys() == {"$type"} or any(map(_is_opaque, value.values()))
    return isinstance(value, list) and any(map(_is_opaque, value))


def _forms(text: str) -> Iterator[str]:
    """How a text may be told: as it is, as Python or JSON quote it, and what its base64 stands for."""
    if not text.strip():
        return
    yield text
    yield repr(text)[1:-1]
    yield encode(text).decode()[1:-1]
    yield from _escaped(text)
    yield from _of_moment(text)
    if _BASE64.fullmatch(text):
        try:
            raw = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            return
        yield repr(raw)[2:-1]
        yield raw.hex()
        decoded = raw.decode("utf-8", "replace").strip()
        if "\ufffd" not in decoded and len(decoded) >= _WORD:
            yield decoded


def _escaped(text: str) -> Iterator[str]:
    """As addresses and ASCII hold it, and line by line: the traceback of a group indents each of them."""
    if text.isalnum() and text.isascii():
        return
    yield quote(text)
    yield quote(text, safe="")
    yield quote_plus(text)
    yield ascii(text)[1:-1]
    yield json.dumps(text)[1:-1]
    lines = text.splitlines()
    if len(lines) > 1:
        yield from (line.strip() for line in lines if len(line.strip()) >= _LINE)


def _of_moment(text: str) -> Iterator[str]:
    """How Python shows a date, a time or a moment; what follows of its time zone tells nothing of it."""
    if text[10:11] == "T":
        yield text.replace("T", " ", 1)
    if not text[:1].isdigit() or len(text) > _MOMENT or ("-" not in text and ":" not in text):
        return
    for kind in (date, time, datetime):
        with suppress(ValueError):
            found = kind.fromisoformat(text)
            yield repr(found.replace(tzinfo=None) if isinstance(found, datetime | time) else found)[:-1]


def _compiled(texts: Iterable[str]) -> re.Pattern[str]:
    ordered = sorted(texts, key=len, reverse=True)  # of texts that begin alike, the longest is to be found
    return re.compile("|".join(_found(text) for text in ordered), re.IGNORECASE)


def _found(text: str) -> str:
    if len(text) >= _LONG:
        return re.escape(text[:_LONG]) + r"[\s\S]*"
    return re.escape(text) if len(text) >= _WORD else rf"(?<!\w){re.escape(text)}(?!\w)"
