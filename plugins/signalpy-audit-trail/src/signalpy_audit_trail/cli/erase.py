"""``signalpy audit erase``: what is encrypted of a person made unreadable, for good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import msgspec

from signalpy_audit_trail import erasure
from signalpy_audit_trail.cli.place import Place, opened, own_record, trail_options
from signalpy_audit_trail.commit import append_sync
from signalpy_audit_trail.drafting import Drafting
from signalpy_audit_trail.store import StoreError
from signalpy_audit_trail.stores import open_store

if TYPE_CHECKING:
    from signalpy_audit_trail.vault.vault import Vault

_LIMIT = 1 << 20


@click.command()
@click.option("--subject", metavar="NAME", required=True, help="Whom, as the data or the publisher name it.")
@click.option("--reason", metavar="TEXT", required=True, help="Why; it is recorded.")
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
@trail_options
def erase(*, subject: str, reason: str, as_json: bool, store: str | None, index: str | None) -> None:
    """Destroy the keys of a subject, so that what was encrypted with them cannot be read any more.

    The trail may be written meanwhile; what comes later has a new key. An `erasure` record says who did it, when and
    why, and every proof still holds. Exit codes: 0 done, or done before; 1 there never was a key of this subject; 2 it
    could not run.
    """
    if not subject or not reason.strip():
        raise click.UsageError("expected a subject and a reason, found an empty text")
    with opened(store, index) as place:
        vault = place.keys.vault
        if vault is None:
            raise StoreError(f"{place.url}: {place.keys.problem or 'there are no keys beside this trail'}")
        if not place.writable:
            raise StoreError(f"{place.url}: the trail may not be written, so that an erasure cannot be recorded")
        begun = erasure.begin(vault, place.reader, subject)
        seq = _commit(place, vault, begun, reason, subject) if begun.keys else None
        if not begun.keys:
            place.record_access(erasure.ACTION, {"subject": subject, "reason": reason})
    answer = erasure.answer(begun, seq)
    click.echo(msgspec.json.encode(answer) if as_json else answer["message"])
    if not begun.known:
        raise SystemExit(1)


def _commit(place: Place, vault: Vault, begun: erasure.Begun, reason: str, subject: str) -> int | None:
    seq = None
    if not begun.recorded:
        fields: dict[str, Any] = {"kind": "erasure", "subjects": (begun.subject,)}
        record = own_record(erasure.ACTION, erasure.told(begun, reason, subject), **fields)
        log = open_store(place.url, guest=True)
        try:
            (receipt,) = append_sync(log, Drafting(_LIMIT, place.keys.protection).draft(record))
            seq = receipt.seq
        finally:
            log.close()
    vault.destroy(begun.keys)
    return seq
