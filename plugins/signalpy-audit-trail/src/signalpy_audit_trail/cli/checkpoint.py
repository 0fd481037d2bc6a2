"""``signalpy audit checkpoint``: the signed head of the log, to be kept elsewhere."""

from __future__ import annotations

import click

from signalpy_audit_trail.checkpoints import sign_head
from signalpy_audit_trail.cli.keys import keys_folder
from signalpy_audit_trail.cli.place import Place, opened, trail_options
from signalpy_audit_trail.signing import KeyFileError, Keys
from signalpy_audit_trail.store import StoreError
from signalpy_audit_trail.stores import open_store


@click.command()
@click.option("--public-key", is_flag=True, help="Print the public keys instead, the one in force last.")
@click.option("--rotate", is_flag=True, help="Make a new key first; the old public keys are kept.")
@trail_options
def checkpoint(*, public_key: bool, rotate: bool, store: str | None, index: str | None) -> None:
    """Sign the head of the log and print the checkpoint.

    Where it cannot be signed, the last checkpoint is printed. A checkpoint proves later that nothing was cut off or
    changed, if it is kept where the trail's keeper cannot change it: in another system, on paper, with the auditor.
    Exit codes: 0 done, 2 there is no checkpoint.
    """
    with opened(store, index) as place:
        folder = keys_folder(place.url)
        if folder is None:
            raise StoreError(f"{place.url}: there is no place for keys; configure [audit-trail] keys")
        keys = Keys(folder)
        if rotate:
            keys.make(place.reader.origin)
        if public_key:
            _print_keys(keys)
        else:
            click.echo(_signed(place, keys), nl=False)


def _print_keys(keys: Keys) -> None:
    known = keys.verifiers()
    if not known:
        if keys.exists():
            keys.signer()  # which says why no public key can be told from it
        raise StoreError(f"{keys.folder}: there is no key yet; the first checkpoint makes one")
    for verifier in known:
        click.echo(str(verifier))


def _signed(place: Place, keys: Keys) -> str:
    kept = place.reader.checkpoint()
    try:
        if not place.writable:
            raise StoreError("the trail may not be written")
        store = open_store(place.url, guest=True)
        try:
            return sign_head(store, keys.ensure(store.origin))[1]
        finally:
            store.close()
    except (StoreError, KeyFileError) as error:
        if kept is None:
            raise
        click.echo(f"signalpy: not signed anew ({error}); this is the last checkpoint", err=True)
        return kept
