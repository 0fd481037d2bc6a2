"""Keeps what a channel's URL holds out of texts: secrets stand anywhere in it, also where a host would. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote, unquote_plus, urlsplit

SCHEME: Final = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
MASK: Final = "***"
SHORT: Final = 4
"""Parts of fewer characters are masked only as words of their own."""


def scheme_of(url: str) -> str | None:
    """The scheme, which names the service and is no secret; ``None`` for what is no URL."""
    found = SCHEME.match(url)
    return found[1].lower() if found else None


def without_secrets(text: str, url: str) -> str:
    """``text`` on one line, with everything that stands in ``url`` behind its scheme masked."""
    parts = sorted(set(_parts(url)), key=len, reverse=True)
    if parts:
        text = re.sub("|".join(map(_pattern, parts)), MASK, text, flags=re.IGNORECASE)
    return " ".join(text.split())


def _pattern(part: str) -> str:
    # A part of a few characters stands in many innocent words; there it tells nothing.
    return re.escape(part) if len(part) >= SHORT else rf"(?<!\w){re.escape(part)}(?!\w)"


def _parts(url: str) -> Iterator[str]:
    rest = SCHEME.sub("", url, count=1)
    split = urlsplit(f"//{rest}")
    values = [pair.partition("=")[2] for pair in re.split("[&;]", split.query)]
    pieces = [*re.split(r"[:@\[\]]", split.netloc), *split.path.split("/"), *values, split.fragment, rest]
    for piece in pieces:
        yield from filter(None, {piece, unquote(piece), unquote_plus(piece)})
