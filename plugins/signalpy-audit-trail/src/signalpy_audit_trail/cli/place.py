"""Which trail a command reads, and the record that it was read."""

from __future__ import annotations

import os
import pwd
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from signalpy.cli.options import options
from signalpy_audit_trail.store import StoreError, StoreReader
from signalpy_audit_trail.stores import as_url, find_driver, keys_of, open_store, permitted

if TYPE_CHECKING:
    from pathlib import Path

    from signalpy_audit_trail.cli.keys import KeysInReach
    from signalpy_audit_trail.draft import Draft
    from signalpy_audit_trail.drafting import Protection
    from signalpy_audit_trail.privacy.view import View
    from signalpy_audit_trail.record import Record

DEFAULT_STORE: Final = "file:audit-trail"
_LIMIT: Final = 1 << 20

F = TypeVar("F", bound=Callable[..., Any])


def trail_options(command: F) -> F:
    """Add ``--store`` and ``--index``."""
    store = click.option(
        "--store",
        metavar="URL",
        help=f"The trail: a URL (file:///var/lib/trail) or a path; else [audit-trail] store, or {DEFAULT_STORE}.",
    )
    index = click.option(
        "--index",
        metavar="PATH",
        help="Where to keep the derived index of a trail that may not be written. Without it: the user's cache.",
    )
    return store(index(command))


class Place:
    """One trail, for one command.

    :param url: the store.
    :ivar path: of the trail's file or folder; ``None`` for a trail that has no place among the files of this host.
    :ivar folder: beside the trail, in which its keys lie unless the configuration says otherwise.
    :ivar writable: whether this process may append to it.
    :param index: where to keep what searching derives, if not at the store's own place.
    """

    def __init__(self, url: str, index: str | None) -> None:
        self.url = url
        given = options()
        self._permitted = permitted(given.configuration.plugins if given.configured else None)
        driver, location = find_driver(url, allowed=self._permitted, installed=given.reading.installed)
        self.path: Path | None = driver.path(location)
        self.folder: Path | None = keys_of(driver, location)
        self.reader: StoreReader = driver.read(location, index=index)
        self.writable = driver.writable(location)
        self._started = time.perf_counter_ns()

    @cached_property
    def keys(self) -> KeysInReach:
        """What is known of the keys of the trail."""
        from signalpy_audit_trail.cli.keys import KeysInReach

        return KeysInReach(self.url, self.reader)

    @cached_property
    def view(self) -> View:
        """How records are shown: readable, as far as the keys are in reach."""
        from signalpy_audit_trail.privacy.view import View

        return View(self.reader, self.keys.vault)

    def close(self) -> None:
        """Close the trail, and its keys if they were asked for."""
        self.reader.close()
        if "keys" in self.__dict__:
            self.keys.close()

    def tell_of_keys(self, subject: str | None = None) -> None:
        """Say on stderr what could not be shown or found, since keys are not in reach.

        :param subject: who was asked for.
        """
        why = f" ({self.keys.problem})" if self.keys.problem else ""
        if self.view.closed:
            click.echo(f"signalpy: {self.view.closed} encrypted values are shown as stored: no key{why}", err=True)
        if subject is not None and self.keys.vault is None and self.keys.hides_subjects:
            message = "subjects that are stored protected cannot be found by name without the HMAC secret"
            click.echo(f"signalpy: {message}{why}", err=True)

    def record_access(self, action: str, filters: Mapping[str, Any], returned: int | None = None) -> None:
        """Append the record of this access; where that cannot be done, say so on stderr and go on.

        :param action: what is done, ``audit-trail.query``.
        :param filters: what was asked for.
        :param returned: how many records, or groups of them, are given out, if that is known.
        """
        if not self.writable:
            _not_recorded("the trail may not be written")
            return
        from signalpy_audit_trail.commit import append_sync

        duration = (time.perf_counter_ns() - self._started) // 1000
        data = {"filters": self.keys.shown(filters)} | ({} if returned is None else {"returned": returned})
        try:
            store = open_store(self.url, guest=True, allowed=self._permitted)
            try:
                append_sync(store, access_draft(action, data, self.keys.protection, duration_us=duration))
            finally:
                store.close()
        except StoreError as error:
            _not_recorded(str(error))


@contextmanager
def opened(store: str | None, index: str | None) -> Iterator[Place]:
    """Open the trail that the user means, for reading.

    :raises StoreError: it cannot be read; nothing was altered.
    """
    place = Place(as_url(store) if store else _configured() or DEFAULT_STORE, index)
    try:
        yield place
    finally:
        place.close()


def access_draft(
    action: str, data: Mapping[str, Any], protection: Protection | None = None, *, duration_us: int | None = None
) -> Draft:
    """Return the draft of an ``access`` record of this command."""
    from signalpy_audit_trail.drafting import Drafting

    return Drafting(_LIMIT, protection).draft(own_record(action, data, duration_us=duration_us))


def own_record(action: str, data: Mapping[str, Any], *, kind: str = "access", **fields: Any) -> Record:
    """Return a record of this command, with the user of the operating system as the actor."""
    import uuid_utils

    from signalpy_audit_trail.encoding import plain, text
    from signalpy_audit_trail.origin import Origins
    from signalpy_audit_trail.record import SUCCESS, Record, stamp

    moment = stamp(datetime.now(UTC))
    operation = str(uuid_utils.uuid7())
    return Record(
        id=str(uuid_utils.uuid7()),
        operation_id=operation,
        time=moment,
        recorded_at=moment,
        kind=kind,
        action=action,
        actor=text(user()),
        client={"uid": os.getuid()},
        caller="kernel",
        target=action,
        outcome=SUCCESS,
        data=plain(data).value,
        correlation_id=operation,
        origin=Origins("signalpy").of(),
        **fields,
    )


def user() -> str:
    """Return the name of the user whose rights this process has; environment variables have no say in it."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"uid:{os.geteuid()}"


def _configured() -> str | None:
    if not options().configured:
        return None
    table = options().configuration.tables.get("audit-trail", {})
    store = table.get("store")
    return store if isinstance(store, str) and store else None


def _not_recorded(why: str) -> None:
    click.echo(f"signalpy: this access is not recorded: {why}", err=True)
