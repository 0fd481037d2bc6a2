"""``signalpy audit token``: the stored form of a value, for those who hold the keys."""

from __future__ import annotations

import click
import msgspec

from signalpy_audit_trail.cli.place import opened, trail_options
from signalpy_audit_trail.store import StoreError


@click.command()
@click.argument("value")
@click.option("--tokenized", is_flag=True, help="The token (tok_…) that a rule `tokenize` makes of it.")
@click.option("--reveal", is_flag=True, help="The other way round: what the token VALUE stands for. This is recorded.")
@trail_options
def token(*, value: str, tokenized: bool, reveal: bool, store: str | None, index: str | None) -> None:
    """Print the form in which VALUE is stored where a rule hashes it, or where a subject is hashed.

    It is what other tools find protected subjects by. Exit codes: 0 done, 1 no such token, 2 it could not run.
    """
    if tokenized and reveal:
        raise click.UsageError("expected one of --tokenized and --reveal")
    with opened(store, index) as place:
        vault = place.keys.vault
        if vault is None:
            raise StoreError(f"{place.url}: {place.keys.problem or 'there are no keys beside this trail'}")
        if not reveal:
            click.echo(vault.token_of(value) if tokenized else vault.hashed(value))
            return
        try:
            found = vault.revealed(value)
        except KeyError:
            place.record_access("audit-trail.token", {"token": value}, 0)
            click.echo("signalpy: the vault holds no such token", err=True)
            raise SystemExit(1) from None
        place.record_access("audit-trail.token", {"token": value}, 1)
    click.echo(found if isinstance(found, str) else msgspec.json.encode(found))
