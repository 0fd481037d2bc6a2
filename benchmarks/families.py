"""The families of measurements, by name, in the order in which they are run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Final

from benchmarks.lab import Lab
from benchmarks.rows import Row, Spec

FAMILIES: Final = ("bus", "boot", "cli", "append", "stores", "replay", "verify", "proof", "query")
"""Modules of this package, each with ``GROUPS``."""


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that are measured together.

    :param specs: of the rows that ``measure`` returns, by which they are told where it fails.
    """

    specs: Sequence[Spec]
    measure: Callable[[Lab], Sequence[Row]]


def groups_of(family: str) -> Sequence[Group]:
    """The groups of a family; it is imported here, so that one that cannot be does not keep the others back."""
    groups: Sequence[Group] = import_module(f"benchmarks.{family}").GROUPS
    return groups


def measured(family: str, lab: Lab) -> Iterator[Row]:
    """Yield the rows of a family. What fails becomes rows that say why."""
    for group in groups_of(family):
        try:
            rows = list(group.measure(lab))
        except Exception as error:  # noqa: BLE001 - the other groups go on, and the table says it
            rows = [spec.skipped(f"{type(error).__name__}: {error}") for spec in group.specs]
        yield from rows
