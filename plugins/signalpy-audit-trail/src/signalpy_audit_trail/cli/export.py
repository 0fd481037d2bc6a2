"""``signalpy audit export``: the records in the formats of others."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO

import click

from signalpy.cli.catalog import load_events
from signalpy.cli.options import options
from signalpy.errors import ConfigError
from signalpy_audit_trail.checkpoints import sign_head
from signalpy_audit_trail.cli.filters import filter_options
from signalpy_audit_trail.cli.keys import keys_folder
from signalpy_audit_trail.cli.place import Place, opened, trail_options
from signalpy_audit_trail.cli.targets import check_targets
from signalpy_audit_trail.export import FORMATS, Format, Source, format_named, write_export
from signalpy_audit_trail.export.following import CursorFile, Follower
from signalpy_audit_trail.export.formats.contract import Lines
from signalpy_audit_trail.export.sinks import FileSink, HttpSink, NotTaken, Sink, StreamSink
from signalpy_audit_trail.query import Query, parse_query
from signalpy_audit_trail.signing import KeyFileError, Keys
from signalpy_audit_trail.store import StoreError
from signalpy_audit_trail.stores import open_store

_WORTH_SHOWING = 100_000


@click.command()
@click.option("--format", "form", metavar="FORMAT", default="jsonl", show_default=True, help=f"{', '.join(FORMATS)}.")
@click.option("-o", "--output", metavar="FILE", help="Write to this file; to standard output if not given.")
@click.option(
    "--manifest", metavar="FILE", help="Where to write the proof; FILE.manifest beside --output if not given."
)
@click.option("--cursor-file", metavar="FILE", help="Go on where the last export with this file ended, and keep that.")
@click.option("--follow", is_flag=True, help="Go on with what comes, until interrupted.")
@click.option("--to", "collector", metavar="URL", help="Post the rows to a collector; taken when it answers 2xx.")
@click.option("--token-env", metavar="NAME", help="The environment variable that holds the collector's bearer token.")
@filter_options
@trail_options
def export(
    *,
    form: str,
    output: str | None,
    manifest: str | None,
    cursor_file: str | None,
    follow: bool,
    collector: str | None,
    token_env: str | None,
    store: str | None,
    index: str | None,
    **given: Any,
) -> None:
    """Export the records that pass, in the order of the log.

    Payloads of older versions come in the latest form that an installed plugin reads (signalpy.events).

    A file comes with a manifest: `signalpy audit verify --export FILE` checks with it, without the trail, that the
    rows are the log's. With --follow or --cursor-file rows are sent at least once each, and no manifest is written.
    The access is itself recorded. Exit codes: 0 done, 2 it could not run.
    """
    goes_on = follow or cursor_file is not None or collector is not None
    if goes_on and manifest is not None:
        raise click.UsageError("--manifest proves a whole export; leave out --follow, --cursor-file and --to")
    if output is not None and collector is not None:
        raise click.UsageError("give --output or --to, not both")
    filters = {name: value for name, value in given.items() if value is not None}
    question, chosen = parse_query(filters), _format(form)
    if goes_on and not chosen.linewise:
        raise click.UsageError(f"the rows of {form} cannot be sent one by one; leave out --follow and --cursor-file")
    load_events(options())
    with opened(store, index) as place:
        proof = manifest or (f"{output}.manifest" if output is not None and not goes_on else None)
        check_targets(place, {"output": output, "manifest": proof, "cursor-file": cursor_file})
        place.record_access("audit-trail.export", {"format": form, **filters})
        if not goes_on:
            _whole(place, chosen, question, place.keys.hidden(filters), output=output, proof=proof)
            place.tell_of_keys(filters.get("subject"))
            return
        cursor = CursorFile(Path(cursor_file)) if cursor_file is not None else None
        _sending(place, chosen, question, cursor, follow=follow, output=output, collector=(collector, token_env))


def _format(name: str) -> Format:
    table = options().configuration.tables.get("audit-trail", {}).get("export", {})
    accounts = table.get("account_changes") if isinstance(table, dict) else None
    return format_named(name, **({"accounts": accounts} if name == "ocsf" and isinstance(accounts, list) else {}))


def _whole(
    place: Place, form: Format, question: Query, given: dict[str, Any], *, output: str | None, proof: str | None
) -> None:
    checkpoint = _signed(place) if proof is not None else None
    source = Source(place.reader, place.view, filters=question.filters, given=given, checkpoint=checkpoint)
    writing = _writing(output or "standard output")
    with _ending(), _written(proof) as proving, _written(output) as rows, _progress(source.size) as bar, writing:
        end = write_export(source, form, rows or sys.stdout.buffer, proving, progress=bar)
        sys.stdout.buffer.flush()
    if output is not None:
        click.echo(f"{output}: {end.rows} records of {source.size}; {proof} proves them")


def _sending(
    place: Place,
    form: Format,
    question: Query,
    cursor: CursorFile | None,
    *,
    follow: bool,
    output: str | None,
    collector: tuple[str | None, str | None],
) -> None:
    kept = CursorFile.start(cursor, place.reader.origin, f"{form.name}:{question.digest}", place.reader.size())
    with _writing(output or "standard output"):
        sink = _sink(form, output, *collector, begin=kept.next == 0)
    follower = Follower(place.reader, place.view, form, sink, filters=question.filters, cursor=cursor, place=kept)
    try:
        with _writing("cursor"), _stopping() as stop:
            (follower.follow if follow else follower.catch_up)(
                stop, lambda told: click.echo(f"signalpy: {told}", err=True)
            )
    except NotTaken as refusal:
        raise StoreError(f"{refusal}; {follower.sent} rows were sent, the cursor stands behind them") from None
    finally:
        sink.close()


def _sink(form: Format, output: str | None, collector: str | None, token_env: str | None, *, begin: bool) -> Sink:
    if collector is not None:
        token = os.environ.get(token_env, "").strip() if token_env is not None else None
        if token_env is not None and not token:
            raise ConfigError(f"--token-env: the environment variable {token_env} is not set", key="token-env")
        return HttpSink(collector, form, token)
    if not isinstance(form, Lines):
        raise TypeError(form)
    return FileSink(Path(output), form) if output is not None else StreamSink(form, begin=begin)


def _signed(place: Place) -> str | None:
    """The head of the log, signed now; the last checkpoint where it cannot be signed; none where there is none."""
    kept = place.reader.checkpoint()
    folder = keys_folder(place.url)
    try:
        if not place.writable or folder is None:
            raise StoreError("the trail may not be written" if folder is not None else "there is no place for its keys")
        store = open_store(place.url, guest=True)
        try:
            return sign_head(store, Keys(folder).ensure(store.origin))[1]
        finally:
            store.close()
    except (StoreError, KeyFileError) as error:
        until = "what came after the last checkpoint is left out" if kept else "the manifest has no signature"
        click.echo(f"signalpy: the head is not signed anew ({error}): {until}", err=True)
        return kept


@contextmanager
def _written(path: str | None) -> Iterator[BinaryIO | None]:
    """A file (mode 0600) that appears as a whole, durably, or not at all."""
    if path is None:
        yield None
        return
    target = Path(path)
    prefix = f".{target.name}."
    with _writing(path), tempfile.NamedTemporaryFile(dir=target.parent, prefix=prefix, delete=False) as file:
        try:
            yield file  # type: ignore[misc]  # a binary stream
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(target)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


@contextmanager
def _writing(what: str) -> Iterator[None]:
    """Tells in one line what cannot be written; that a reader of a pipe has gone is for click to tell."""
    try:
        yield
    except (StoreError, BrokenPipeError):
        raise
    except NotTaken:
        _let_go_of_output()
        raise
    except OSError as error:
        _let_go_of_output()
        raise StoreError(f"{what}: the export cannot be written: {error.strerror or error}") from error


def _let_go_of_output() -> None:
    """What Python still holds back for standard output is given up, if it cannot be written: it would fail at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    """Set by SIGINT and SIGTERM: the batch under way is finished."""
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _ending() -> Iterator[None]:
    """Ends by an exception on SIGTERM and SIGHUP, so that nothing half done is left behind."""

    def end(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _progress(size: int) -> Any:
    if size < _WORTH_SHOWING or not sys.stderr.isatty():
        return nullcontext()
    return _bar(size)


@contextmanager
def _bar(size: int) -> Iterator[Any]:
    with click.progressbar(length=size, label="records", file=sys.stderr) as bar:
        yield lambda done, _: bar.update(done - bar.pos)
