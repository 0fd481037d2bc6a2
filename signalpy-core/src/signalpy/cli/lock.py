"""``signalpy lock``: writes down what is installed, or compares with what was written down."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from signalpy.cli.failure import Failure, Refusal
from signalpy.cli.options import options
from signalpy.cli.output import print_json, say

if TYPE_CHECKING:
    from signalpy.cli.options import Options
    from signalpy.discovery.installed import Installed
    from signalpy.discovery.lock import Lock

NOT_COVERED: Final = (
    "not covered: compiled files (__pycache__), scripts, what the plugins depend on, and an index that was compromised"
    " before"
)


@click.command()
@click.option("--check", is_flag=True, help="Write nothing: name every difference; exit code 1 if there is one.")
@click.option("--json", "as_json", is_flag=True, help="With --check: one object instead of text.")
def lock(*, check: bool, as_json: bool) -> None:
    """Write version, files and origin of every plugin that may load into signalpy.lock.

    Reads files; nothing of a plugin is imported. [plugins] lock = "enforce" then loads nothing that differs.
    """
    if as_json and not check:
        raise click.UsageError("--json goes with --check.")
    given = options()
    for warning in given.reading.warnings:
        click.echo(f"signalpy: {warning}", err=True)
    if check:
        _check(given, as_json=as_json)
    else:
        _write(given)


def _check(given: Options, *, as_json: bool) -> None:
    from signalpy.discovery.lock import compared, read

    path = _path(given)
    found = compared(read(path), _wanted(given), given.reading.installed)
    if as_json:
        differences = [{"distribution": name, "differences": words} for name, words in found.items()]
        print_json({"lockfile": str(path), "holds": not found, "differences": differences})
    else:
        for name, words in found.items():
            say(f"{name}: {'; '.join(words)}")
    if found:
        advice = "If that is meant: signalpy lock"
        one = len(found) == 1
        told = f"1 plugin is not as {path} has it" if one else f"{len(found)} plugins are not as {path} has them"
        raise Refusal(f"{told}. {advice}")
    if not as_json:
        click.echo(f"every plugin is as {path} has it")
        click.echo(NOT_COVERED)


def _write(given: Options) -> None:
    from signalpy.discovery.inspection import inspect
    from signalpy.discovery.lock import is_editable, lock_of, write

    path, wanted = _path(given), _wanted(given)
    made = lock_of(wanted)
    for line in _changes(path, made):
        click.echo(line)
    try:
        write(path, made)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise Failure(f"cannot write {path}: {reason}") from error
    click.echo(f"{path}: {len(made.distribution)} distributions locked")
    if given.configuration.plugins.lock == "off":
        click.echo('nothing is compared with it before [plugins] lock is "warn" or "enforce"')
    editable = [item.name for item in wanted if is_editable(item)]
    click.echo(NOT_COVERED + (f"; the sources of {', '.join(editable)} (editable)" if editable else ""))
    for item in wanted:
        for problem in inspect(item.metadata).problems:
            click.echo(f"signalpy: {item.name} is locked as it is, {problem}", err=True)


def _changes(path: Path, made: Lock) -> list[str]:
    """A line for each distribution that is locked otherwise than before; nothing where there was no lock file."""
    from signalpy.discovery.lock import read
    from signalpy.errors import ConfigError

    try:
        before = {item.name: item for item in read(path).distribution}
    except ConfigError:
        return []
    after = {item.name: item for item in made.distribution}
    told = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old is None and new is not None:
            told.append(f"+ {name} {new.version}")
        elif new is None and old is not None:
            told.append(f"- {name} {old.version}")
        elif old is not None and new is not None and old.version != new.version:
            told.append(f"~ {name} {old.version} -> {new.version}")
        elif old is not None and new is not None and (old.files_sha256, old.origin) != (new.files_sha256, new.origin):
            told.append(f"~ {name} {new.version}: other files or another origin under the same version")
    return told


def _wanted(given: Options) -> list[Installed]:
    """The distributions of which something is let in."""
    from signalpy.discovery.judge import Judge

    judge = Judge(given.configuration.plugins)
    return sorted((item for item in given.reading.installed if judge.lets_in(item)), key=lambda item: item.name)


def _path(given: Options) -> Path:
    return Path(given.configuration.plugins.lockfile)
