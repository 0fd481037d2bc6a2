"""Finds card numbers (PAN) in any value by their form, their issuer's range, and their check digit. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from signalpy_audit_trail.encoding import encode
from signalpy_audit_trail.fieldpath import Json

SHORTEST: Final = 13
LONGEST: Final = 19
"""Digits of a card number (ISO/IEC 7812; the 12 that a few Maestro cards have look too much like anything else)."""

_RUN: Final = re.compile(r"[0-9](?:[ ._-]?[0-9]){12,}")
"""Digits, alone or in groups; a number may begin and end at the edge of a group only."""

_RUN_OF_BYTES: Final = re.compile(_RUN.pattern.encode())
_GROUP: Final = re.compile(r"[0-9]+")

_ISSUERS: Final = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"  # Visa
    r"|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|3(?:0[0-5]|[689]\d)\d{11,16}"  # Diners Club
    r"|35(?:2[89]|[3-8]\d)\d{12,15}"  # JCB
    r"|6\d{12,18}"  # Discover, UnionPay, RuPay, Maestro
    r"|5[0678]\d{11,17}",  # Maestro
    re.ASCII,
)


def is_card_number(digits: str) -> bool:
    """Whether a text of digits is one: length and issuer fit, and its last digit is right (Luhn, ISO/IEC 7812-1)."""
    return _ISSUERS.fullmatch(digits) is not None and luhn(digits)


def luhn(digits: str) -> bool:
    """Whether the check digit of a text of digits is right."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        number = ord(digit) - 48
        if place % 2:
            number = number * 2 - 9 if number > 4 else number * 2
        total += number
    return total % 10 == 0


def may_hold(value: Json) -> bool:
    """Whether there is anything in ``value`` that looks like one; a quick look before a slow one."""
    return _RUN_OF_BYTES.search(encode(value)) is not None


def scrubbed(value: Json, replacement: str) -> Json:
    """``value`` with ``replacement`` for every card number, in texts, numbers and keys."""
    if isinstance(value, str):
        return scrubbed_text(value, replacement)
    if isinstance(value, dict):
        return _members(value, lambda child: scrubbed(child, replacement), replacement)
    if isinstance(value, list):
        return [scrubbed(child, replacement) for child in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        shown = encode(value).decode()
        return value if scrubbed_text(shown, replacement) == shown else replacement
    return value


def scrubbed_text(text: str, replacement: str) -> str:
    """``text`` with ``replacement`` for every card number in it."""
    return _RUN.sub(lambda found: _replaced(found[0], replacement), text)


def _members(value: dict[str, Json], made: Callable[[Json], Json], replacement: str) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for key, child in value.items():
        name = base = scrubbed_text(key, replacement)
        again = 1
        while name in found:
            again += 1
            name = f"{base}#{again}"
        found[name] = made(child)
    return found


def _replaced(run: str, replacement: str) -> str:
    """A run of digits without the card numbers in it; its other groups belong to something else."""
    groups = [found.span() for found in _GROUP.finditer(run)]
    parts: list[str] = []
    kept = first = 0
    while first < len(groups):
        last = _end(run, groups, first)
        if last is None:
            first += 1
            continue
        parts += [run[kept : groups[first][0]], replacement]
        kept = groups[last][1]
        first = last + 1
    return "".join([*parts, run[kept:]])


def _end(run: str, groups: list[tuple[int, int]], first: int) -> int | None:
    """The last group of the longest card number that begins with group ``first``, if one does."""
    digits = ""
    found = None
    for last in range(first, len(groups)):
        start, stop = groups[last]
        digits += run[start:stop]
        if len(digits) > LONGEST:
            break
        if len(digits) >= SHORTEST and is_card_number(digits):
            found = last
    return found
