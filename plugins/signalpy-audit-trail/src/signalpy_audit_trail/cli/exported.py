"""Checking an export for ``signalpy audit verify --export``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
import msgspec

from signalpy.plain import printable
from signalpy_audit_trail.export.checking import ExportReport, check_export
from signalpy_audit_trail.export.manifest import ManifestError
from signalpy_audit_trail.signing import Verifier
from signalpy_audit_trail.verification import Result

EXIT_CODES: Final = {Result.HOLDS: 0, Result.BROKEN: 1, Result.NOT_CHECKED: 2}
MARKS: Final = {Result.HOLDS: "holds", Result.BROKEN: "BROKEN", Result.NOT_CHECKED: "not checked"}


def check(export: Path, manifest: str | None, keys: Sequence[Verifier], *, as_json: bool) -> int:
    """Print what can be said of an export and return the exit code.

    :param manifest: its path; beside the export if `None`.
    :raises BadParameter: a file is missing, or the manifest is none.
    """
    beside = Path(manifest) if manifest is not None else export.with_name(f"{export.name}.manifest")
    try:
        with export.open("rb") as rows, beside.open("rb") as proof:
            report = check_export(rows, proof, keys)
    except ManifestError as error:
        raise click.BadParameter(f"{beside}: {error}", param_hint="--manifest") from error
    except OSError as error:
        problem = f"{error.filename}: {error.strerror}"
        raise click.BadParameter(problem, param_hint="--export or --manifest") from error
    click.echo(msgspec.json.encode(report.as_dict()) if as_json else "\n".join(_lines(export, report)))
    return EXIT_CODES[report.verdict]


def _lines(export: Path, report: ExportReport) -> list[str]:
    filters = ", ".join(f"{name} {printable(value)}" for name, value in report.filters.items())
    told = [f"{export}: {report.rows} of {report.size} records of {printable(report.origin)}"]
    told += [f"  filters   {filters} (as the manifest says)"] if filters else []
    for found in report.checks.values():
        detail = printable(found.detail) if found.detail else ""
        told.append(f"  {found.check.ljust(10)}{MARKS[found.result].ljust(12)}{detail}".rstrip())
    first = "" if report.first_bad is None else f", first at record {report.first_bad}"
    return [*told, f"{MARKS[report.verdict]}{first}"]
