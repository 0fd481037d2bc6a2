"""``signalpy audit summary`` and ``status``: what a trail holds, and how it does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click
import msgspec

from signalpy.plain import printable
from signalpy_audit_trail.cli.attached import attached, told
from signalpy_audit_trail.cli.place import Place, opened, trail_options
from signalpy_audit_trail.signing import signed_size
from signalpy_audit_trail.summary import summarized


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
@trail_options
def summary(*, as_json: bool, store: str | None, index: str | None) -> None:
    """Tell what the trail holds, in numbers.

    Origin, size, first and last times, and how many records of each kind and outcome. The access is recorded, unless
    the trail may not be written.
    """
    if attached(store=store, index=index):
        _print(told("summary"), as_json=as_json)
        return
    with opened(store, index) as place:
        found = summarized(place.reader)
        place.record_access("audit-trail.summary", {})
    _print(found, as_json=as_json)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
@trail_options
def status(*, as_json: bool, store: str | None, index: str | None) -> None:
    """Tell how the trail does: from outside, or with --attach what the process there knows of its own.

    From outside: how far it is signed and indexed, and whether it may be written. No record is given out, so the trail
    is not told of it. From inside: mode, what waits to be written, and in an outage since when, why, and what to do.
    """
    if attached(store=store, index=index):
        _print(told("status"), as_json=as_json)
        return
    with opened(store, index) as place:
        found = _state(place)
    _print(found, as_json=as_json)


def _state(place: Place) -> dict[str, Any]:
    reader = place.reader
    note = reader.checkpoint()
    size, signed = reader.size(), signed_size(note) if note is not None else 0
    return {
        "store": place.url,
        "origin": reader.origin,
        "size": size,
        "signed": signed,
        "unsigned": max(0, size - signed),
        "tree": reader.tree_size(),
        "torn_bytes": reader.torn(),
        "writable": place.writable,
    }


def _print(found: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    width = max(12, *(len(name) + 2 for name in found))
    for name, value in found.items():
        if isinstance(value, Mapping):
            told = ", ".join(f"{number} {printable(word)}" for word, number in value.items())
            click.echo(f"{name.ljust(width)}{told}")
        else:
            click.echo(f"{name.ljust(width)}{printable(value)}")
