"""Records out of JSON text that arrives in pieces, one at a time, in memory bounded by the longest record.

Pure. These shapes are read, also one after another in one text, with or without line ends between them:

- ``{"Records": [record, …]}``, what CloudTrail delivers, and several of them joined by ``cat``;
- ``[record, …]``;
- ``record`` after ``record``, one a line or not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

LONGEST: Final = 16 * 1024 * 1024
"""Characters of the longest record that is read; CloudTrail's own limit is far below."""
_LOOKAHEAD: Final = 256
"""Characters in which the opening of a text is looked for."""
_CUT: Final = 16
"""A JSON error this near to the end of a piece may be its end: no literal or escape is longer."""
_OPENING: Final = re.compile(r'\s*(\{\s*"Records"\s*:\s*)?\[')
_SPACE: Final = re.compile(r"[ \t\r\n]*")


class TextError(ValueError):
    """The text cannot be read on from here; what was read before it stands."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One record, or the place where one should be.

    :param number: its place in the file, from 1.
    :param value: what stands there.
    :param flaw: why nothing can be read there, or ``None``.
    :param last: whether the rest of the file is lost with it.
    """

    number: int
    value: object = None
    flaw: str | None = None
    last: bool = False


def entries(pieces: Iterator[str], *, longest: int = LONGEST) -> Iterator[Entry]:
    """Yields what a text holds, in order.

    :param pieces: the text, cut anywhere; must not raise.

    A line of its own that is no JSON is yielded as a flaw and reading goes on with the next line; what cannot be read
    inside ``Records``, or at the very beginning, ends the text. No :class:`TextError` leaves this function.
    """
    number = 0
    text = _Text(pieces, longest)
    try:
        for value in _values(text):
            number += 1
            yield Entry(number, flaw=str(value)) if isinstance(value, TextError) else Entry(number, value)
        if number == 0 and not text.opened:
            raise TextError("expected JSON, found nothing")
    except TextError as error:
        yield Entry(number + 1, flaw=str(error), last=True)


def _values(text: _Text) -> Iterator[object]:
    some = False
    while text.peek():
        if text.open_array():
            yield from _elements(text)
        else:
            try:
                value = text.value()
            except TextError as error:
                if not some:
                    raise
                text.skip_line()
                yield error
            else:
                yield from _unwrap(value)
        some = True


def _elements(text: _Text) -> Iterator[object]:
    """The elements of an array that was opened, up to its end and that of the object around it."""
    while (char := text.peek()) != "]":
        yield text.value()
        if (char := text.peek()) == ",":
            text.pos += 1
        elif char != "]":
            raise TextError(f"expected ',' or ']' between records, found {_found(char)}")
    text.pos += 1
    text.close_object()


def _unwrap(value: object) -> Iterator[object]:
    """The records of an object that names something else before ``Records``."""
    records = value.get("Records") if isinstance(value, dict) else None
    if isinstance(records, list):
        yield from records
    else:
        yield value


class _Text:
    """A window on a text that arrives in pieces; ``pos`` is where reading goes on."""

    def __init__(self, pieces: Iterator[str], longest: int) -> None:
        self.pos = 0
        self.opened = False
        self._pieces = pieces
        self._longest = longest
        self._text = ""
        self._in_object = False
        self._decode = json.JSONDecoder().raw_decode

    def peek(self) -> str:
        """The next character that is no white space, ``""`` at the end; reading goes on there."""
        while True:
            space = _SPACE.match(self._text, self.pos)
            self.pos = space.end() if space else self.pos
            if self.pos < len(self._text):
                return self._text[self.pos]
            if not self._more():
                return ""

    def open_array(self) -> bool:
        """Steps into an array of records, if one begins here."""
        while len(self._text) - self.pos < _LOOKAHEAD and self._more():
            pass
        opening = _OPENING.match(self._text, self.pos)
        if opening is None:
            return False
        self.pos = opening.end()
        self.opened = True
        self._in_object = opening[1] is not None
        return True

    def close_object(self) -> None:
        """Steps out of the object around an array, past what else it says."""
        if not self._in_object:
            return
        char = self.peek()
        if char == ",":  # the rest of the object is an object, but for its first character
            self._text, self.pos = "{" + self._text[self.pos + 1 :], 0
            self.value()
        elif char == "}":
            self.pos += 1
        else:
            raise TextError(f"expected '}}' after Records, found {_found(char)}")

    def value(self) -> Any:
        """Reads one JSON value.

        :raises TextError: if there is none, or the text ends in it.
        """
        while True:
            try:
                value, end = self._decode(self._text, self.pos)
            except json.JSONDecodeError as error:
                if self._may_be_cut(error) and self._more():
                    continue
                raise TextError(self._tell(error)) from None
            except RecursionError:
                raise TextError("expected JSON, found values nested too deeply") from None
            except ValueError as error:  # a number of thousands of digits
                raise TextError(f"expected JSON, found a value that cannot be read: {error}") from None
            if end == len(self._text) and self._more():
                continue  # a number may go on in the next piece
            self.pos = end
            return value

    def skip_line(self) -> None:
        """Steps behind the next line end."""
        while (end := self._text.find("\n", self.pos)) < 0:
            self.pos = len(self._text)
            if not self._more():
                return
        self.pos = end + 1

    def _more(self) -> bool:
        """Takes in as much again as is held, so that a long value is tried a few times only; ``False`` at the end."""
        rest = self._text[self.pos :]
        if len(rest) > self._longest:
            raise TextError(f"expected a record of at most {self._longest} characters, found a longer one")
        parts, size = [rest], 0
        for piece in self._pieces:
            parts.append(piece)
            size += len(piece)
            if size > len(rest):
                break
        self._text, self.pos = "".join(parts), 0
        return size > 0

    def _may_be_cut(self, error: json.JSONDecodeError) -> bool:
        return error.pos >= len(self._text) - _CUT or _is_open_string(error)

    def _tell(self, error: json.JSONDecodeError) -> str:
        char = "" if _is_open_string(error) else self._text[error.pos : error.pos + 1]
        return f"expected a whole JSON value, found {_found(char)} in it ({error.msg})"


def _is_open_string(error: json.JSONDecodeError) -> bool:
    return error.msg.startswith("Unterminated string")


def _found(char: str) -> str:
    return repr(char) if char else "the end of the file"
