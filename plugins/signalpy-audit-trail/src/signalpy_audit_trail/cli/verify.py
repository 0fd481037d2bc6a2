"""``signalpy audit verify``: what can be said of a trail, or of a proof, from its bytes alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec

from signalpy.plain import printable
from signalpy_audit_trail.cli.place import opened, trail_options
from signalpy_audit_trail.signing import KeyFileError, Keys, Note, NoteError, Proof, Verifier
from signalpy_audit_trail.verification import CHECKS, Anchors, Report, Result
from signalpy_audit_trail.verification import verify as verify_trail
from signalpy_audit_trail.verification.head import read_head
from signalpy_audit_trail.verification.verifier import Progress

_MARKS = {Result.HOLDS: "holds", Result.BROKEN: "BROKEN", Result.NOT_CHECKED: "not checked"}
_WORTH_SHOWING = 200_000


@click.command()
@click.option(
    "--checkpoint",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False),
    help="A checkpoint that was kept elsewhere.",
)
@click.option(
    "--key",
    "keys",
    metavar="VKEY|FILE",
    multiple=True,
    help="A public key that is known to be the log's; may be repeated.",
)
@click.option(
    "--require", metavar="CHECKS", default="", help=f"Checks that must be possible, by commas: {', '.join(CHECKS)}."
)
@click.option(
    "--proof",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False),
    help="Check this proof of a record instead, without a trail.",
)
@click.option(
    "--export",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False),
    help="Check this export by its manifest instead, without a trail.",
)
@click.option("--manifest", metavar="FILE", help="The manifest of --export; FILE.manifest beside it if not given.")
@click.option("--no-index", is_flag=True, help="Do not hold the index against the records.")
@click.option("--json", "as_json", is_flag=True, help="The report as one JSON object.")
@trail_options
@click.pass_context
def verify(
    ctx: click.Context,
    *,
    checkpoint: str | None,
    keys: tuple[str, ...],
    require: str,
    proof: str | None,
    export: str | None,
    manifest: str | None,
    no_index: bool,
    as_json: bool,
    store: str | None,
    index: str | None,
) -> None:
    """Read the whole trail and say of each check whether it holds.

    Nothing is changed, and no record is given out, so the trail is not told of it. Exit codes: 0 holds, 1 broken, 2 it
    could not be checked.
    """
    known = [key for text in keys for key in _keys(text)]
    if proof is not None:
        ctx.exit(_check_proof(Path(proof), known, as_json=as_json))
    if export is not None:
        from signalpy_audit_trail.cli.exported import check

        ctx.exit(check(Path(export), manifest, known, as_json=as_json))
    required = _required(require)
    note = _note(Path(checkpoint)) if checkpoint is not None else None
    with opened(store, index) as place, _progress(place.reader.size()) as progress:
        beside, problem = _beside(place.folder if not known else None)
        anchors = Anchors(checkpoint=note, keys=known, beside=beside)
        report = verify_trail(place.reader, anchors, require=required, index=not no_index, progress=progress)
    if problem:
        report.checks["signature"].skips(problem)
    click.echo(msgspec.json.encode(report.as_dict()) if as_json else "\n".join(_lines(report)))
    ctx.exit(report.exit_code)


def _beside(folder: Path | None) -> tuple[list[Verifier], str]:
    """The public keys in a folder beside the trail, and why they cannot be used."""
    try:
        return ([] if folder is None else Keys(folder).verifiers()), ""
    except KeyFileError as error:
        return [], str(error)


def _lines(report: Report) -> Iterator[str]:
    yield f"{report.url}: {report.size} records of {report.origin}"
    for check in report.checks.values():
        detail = f"  {printable(check.detail)}" if check.detail else ""
        yield f"  {check.check.ljust(10)}{_MARKS[check.result].ljust(12)}{detail}".rstrip()
    for note in report.notes:
        yield f"  note: {printable(note)}"
    first = "" if report.first_bad is None else f", first at record {report.first_bad}"
    yield f"{_MARKS[report.verdict]}{first}"


def _required(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in CHECKS]
    if unknown:
        raise click.BadParameter(
            f"there is no check {unknown[0]!r}; known are {', '.join(CHECKS)}", param_hint="--require"
        )
    return names


def _keys(text: str) -> list[Verifier]:
    """The keys that are meant: one, or all of a file with one on each line."""
    try:
        path = Path(text)
        lines = path.read_text(encoding="utf-8").splitlines() if "+" not in text or path.is_file() else [text]
        return [Verifier.parse(line) for line in lines if line.strip()]
    except FileNotFoundError as error:
        problem = f"{text!r} is no verifier key (NAME+ID+BASE64) and no file"
        raise click.BadParameter(problem, param_hint="--key") from error
    except (NoteError, OSError, UnicodeDecodeError) as error:
        advice = "expected what `signalpy audit checkpoint --public-key` prints, or a file of it"
        raise click.BadParameter(f"{error}; {advice}", param_hint="--key") from error


def _note(path: Path) -> str:
    """The checkpoint in a file."""
    try:
        text = path.read_text(encoding="utf-8")
        read_head(text)
    except (NoteError, OSError, UnicodeDecodeError) as error:
        advice = "give a file of what `signalpy audit checkpoint` printed"
        raise click.BadParameter(f"{path}: {error}; {advice}", param_hint="--checkpoint") from error
    return text


def _check_proof(path: Path, keys: list[Verifier], *, as_json: bool) -> int:
    try:
        proof = Proof.parse(path.read_text(encoding="utf-8"))
    except (NoteError, OSError, UnicodeDecodeError) as error:
        advice = "give a file that `signalpy audit prove` wrote"
        raise click.BadParameter(f"{path}: {error}; {advice}", param_hint="--proof") from error
    verdict, detail, origin, size = Result.HOLDS, "", "", 0
    try:
        checkpoint = proof.check()
        origin, size = checkpoint.origin, checkpoint.size
        signed = Note.parse(proof.checkpoint).verified_by(keys)
    except ValueError as error:
        verdict, detail = Result.BROKEN, str(error)
    else:
        if keys and not signed:
            verdict, detail = Result.BROKEN, "the checkpoint is not signed by a key that was given"
        elif not keys:
            verdict, detail = Result.NOT_CHECKED, "no key was given (--key): anybody could have signed the checkpoint"
    found = {"verdict": str(verdict), "seq": proof.index, "origin": origin, "size": size, "detail": detail}
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        told = f": {printable(detail)}" if detail else ""
        whose = f" of {size} of {printable(origin)}\n{printable(proof.record.decode(errors='replace'))}" if size else ""
        click.echo(f"{path}: record {proof.index}{whose}\n{_MARKS[verdict]}{told}")
    return {Result.HOLDS: 0, Result.BROKEN: 1, Result.NOT_CHECKED: 2}[verdict]


@contextmanager
def _progress(size: int) -> Iterator[Progress | None]:
    if size < _WORTH_SHOWING or not sys.stderr.isatty():
        yield None
        return
    with click.progressbar(length=size, label="records", file=sys.stderr) as bar:
        yield lambda done, _: bar.update(done - bar.pos)
