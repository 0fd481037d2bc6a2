"""``signalpy audit rotate-kek``: another key-encryption key put in force."""

from __future__ import annotations

import click

from signalpy_audit_trail.cli.place import opened, trail_options
from signalpy_audit_trail.store import StoreError


@click.command("rotate-kek")
@click.option(
    "--to",
    metavar="SOURCE",
    help="Where the new key is: file:PATH or env:NAME. Without it a new one is made in the place of the old file.",
)
@trail_options
def rotate_kek(*, to: str | None, store: str | None, index: str | None) -> None:
    """Wrap every key of the trail with a new key-encryption key, in one step.

    No record changes. Copies of the vault that were made before can then be opened with the old key only: destroy that.
    Exit codes: 0 done, 2 it could not run; the old key is in force then.
    """
    from signalpy_audit_trail.vault.rotation import rotate

    with opened(store, index) as place:
        vault = place.keys.vault
        if vault is None:
            raise StoreError(f"{place.url}: {place.keys.problem or 'there are no keys beside this trail'}")
        count, where = rotate(vault, place.keys.places, to)
        place.record_access("audit-trail.rotate-kek", {})
    click.echo(f"{count} keys are wrapped with the key in {where}")
    if to is not None:
        click.echo(f'signalpy: now set [audit-trail.privacy] key_encryption_key = "{to}"', err=True)
