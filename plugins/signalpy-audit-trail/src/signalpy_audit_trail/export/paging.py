"""A page of an export, for those who ask over the bus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from signalpy.errors import ConfigError
from signalpy_audit_trail.export.formats.contract import Format, Lines
from signalpy_audit_trail.export.seen import seen
from signalpy_audit_trail.privacy.view import View
from signalpy_audit_trail.query import QueryError, parse_query
from signalpy_audit_trail.search import page
from signalpy_audit_trail.store import StoreReader


def export_page(reader: StoreReader, view: View, form: Format, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``{"content", "media_type", "records", "next"}``: rows as one text, and the cursor of the next page.

    A format that has a head has it on the first page only.

    :param given: the filters of a query, as there; ``order`` is ``asc`` if not given.
    :raises QueryError: a filter has a value that means nothing.
    :raises ConfigError: the rows of the format cannot be sent one by one.
    """
    if not isinstance(form, Lines):
        raise ConfigError(f"the rows of {form.name} stand in a file only; use signalpy audit export", key="format")
    query = parse_query({"order": "asc", **given})
    if query.count_by is not None:
        raise QueryError("count_by: an export has records; use audit-trail.query to count", field="count_by")
    leaves, following = page(reader, query, view)
    found = [(leaf, *seen(view, leaf, reader.url)) for leaf in leaves]
    rows = [leaf + b"\n" if form.verbatim and not differs else form.row(entry) for leaf, entry, differs in found]
    content = (form.head if query.cursor is None else b"") + b"".join(rows)
    told = {"content": content.decode(), "media_type": form.media_type, "records": len(rows)}
    return {**told, "next": following}
