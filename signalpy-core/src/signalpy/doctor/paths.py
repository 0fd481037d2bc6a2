"""Checks on where code lies: files that two distributions claim, modules that another one stands in front of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.machinery import PathFinder
from pathlib import Path

from signalpy.discovery.folder import Metadata, root_of, stem_of
from signalpy.discovery.installed import Installed, Reading
from signalpy.discovery.records import rows
from signalpy.doctor.finding import Finding, Level

SHOWN = 3


def claimed_twice(reading: Reading, let_in: Iterable[Installed]) -> Iterator[Finding]:
    """Files that a plugin and another distribution both list: whoever was installed last has written them."""
    ours = {item.metadata: item.name for item in let_in}
    owners: dict[tuple[str, str], str] = {}
    shared: dict[tuple[str, str], list[str]] = {}
    claims = [(stem_of(metadata).replace("_", "-"), metadata) for metadata in reading.every]
    for name, metadata in sorted(claims, key=lambda claim: claim[1] not in ours):
        for path in _files(metadata):
            place = (root_of(metadata), path)
            owner = owners.setdefault(place, name) if metadata in ours else owners.get(place, name)
            if owner != name:
                shared.setdefault((owner, name), []).append(path)
    for (owner, name), paths in shared.items():
        more = f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
        message = (
            f"{owner} and {name} both claim {', '.join(paths[:SHOWN])}{more}: who was installed last has written it."
            " Uninstall one, and install the other again."
        )
        yield Finding("paths", Level.PROBLEM, owner, message)


def shadowed(let_in: Iterable[Installed]) -> Iterator[Finding]:
    """Modules that would be imported from elsewhere than where the distribution has put them.

    Finding the file of a top-level module runs no code of it.
    """
    for item in let_in:
        listed = {str(item.metadata.locate_file(path)) for path in _files(item.metadata)}
        for module in sorted({entry.value.partition(":")[0].partition(".")[0].strip() for entry in item.entries}):
            expected = [path for path in listed if _is_module(path, module, str(item.metadata.locate_file("")))]
            if not module or not expected:
                continue  # of an editable install RECORD does not tell where its modules are
            found = PathFinder.find_spec(module)
            origin = found.origin if found is not None else None
            if origin is None:
                message = f"its module {module} cannot be found, though RECORD lists it"
                yield Finding("shadowed", Level.PROBLEM, item.name, message)
            elif not any(_same(origin, path) for path in expected):
                message = f"its module {module} would be imported from {origin}, which is not the one it installed"
                yield Finding("shadowed", Level.PROBLEM, item.name, message)


def _files(metadata: Metadata) -> Iterator[str]:
    """The files that it has besides its own metadata and what is compiled or lies outside."""
    try:
        for row in rows(metadata):
            inside = ".dist-info/" not in row.path and "__pycache__/" not in row.path
            if inside and row.needs_hash and not row.outside:
                yield row.path
    except ValueError:
        return


def _is_module(path: str, module: str, root: str) -> bool:
    place = Path(path).relative_to(root) if Path(path).is_relative_to(root) else Path(path)
    top, *rest = place.parts
    return (not rest and top.partition(".")[0] == module) or (
        top == module and len(rest) == 1 and rest[0].startswith("__init__.")
    )


def _same(one: str, other: str) -> bool:
    return Path(one).resolve() == Path(other).resolve()
