"""``signalpy new``: a plugin of one's own, from the template."""

from __future__ import annotations

import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import click

from signalpy.cli.failure import Failure, told
from signalpy.cli.options import options
from signalpy.matching import did_you_mean
from signalpy.naming import COMPONENT_NAME, RESERVED

TEMPLATE: Final = Path(__file__).resolve().parent.parent / "template"
"""The one that ships with core."""
BUILT_IN: Final = ("config",)


@click.command()
@click.argument("name")
@click.option(
    "--into",
    metavar="FOLDER",
    default=".",
    help="Where its folder is made; the working directory if not given.",
)
@click.option("--template", metavar="WHERE", help="Another template: a folder, or the address of a git repository.")
@click.option("--ref", metavar="TAG", help="Which version of another template; the newest tag if not given.")
@click.option(
    "-d",
    "--data",
    metavar="KEY=VALUE",
    multiple=True,
    help="The answer to a question of the template, e.g. author=Ada",
)
@click.option("--defaults", is_flag=True, help="Ask nothing; so it is where there is no terminal.")
@click.option("--trust", is_flag=True, help="Let another template run the commands that it brings.")
def new(
    *, name: str, into: str, template: str | None, ref: str | None, data: tuple[str, ...], defaults: bool, trust: bool
) -> None:
    """Make the plugin signalpy-NAME: a component, tests that pass, checks and workflows.

    Needs copier: pip install "signalpy-core[new]".
    """
    _check_name(name)
    answers = {"name": name, **_answers(data)}
    target = _free(Path(into), f"signalpy-{name}")
    if find_spec("copier") is None:
        raise Failure('the template needs copier. Run: pip install "signalpy-core[new]"')
    with _complete(target) as draft:
        _copy(template or str(TEMPLATE), draft, answers, ref=ref, defaults=defaults or not _asks(), trust=trust)
        if template is None:
            _forget_origin(draft)
    click.echo(f"{target} is there. In it, in an environment of its own:")
    click.echo('  python -m pip install --upgrade "pip>=25.1"')
    click.echo("  python -m pip install --group test -e .")
    click.echo("  python -m pytest")


def _check_name(name: str) -> None:
    if name.startswith("signalpy-"):
        raise Failure(f"give the component's name alone: signalpy new {name.removeprefix('signalpy-')}")
    if not COMPONENT_NAME.fullmatch(name):
        raise Failure(f'{name!r} cannot name a component. Use lower-case letters, digits and "-", e.g. loyalty-points')
    if name in (*RESERVED, *BUILT_IN):
        raise Failure(f"the name {name!r} is taken by the kernel. Choose another.")


def _answers(data: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for item in data:
        key, equals, value = item.partition("=")
        if not equals or not key:
            raise Failure(f"--data: expected KEY=VALUE, found {item!r}")
        if key == "name":
            raise Failure("--data: the name is the command's argument")
        found[key] = value
    return found


def _free(folder: Path, name: str) -> Path:
    if not folder.is_dir():
        raise Failure(f"there is no folder {folder}. Make it first, or give another with --into.")
    target = folder / name
    if target.exists() or target.is_symlink():
        raise Failure(f"{target} exists already; nothing was changed. Remove it, or give another folder with --into.")
    return target


@contextmanager
def _complete(target: Path) -> Iterator[Path]:
    """A folder to draft in, beside the target, which it becomes if all goes well; else nothing is left of it."""
    try:
        room = Path(tempfile.mkdtemp(prefix=".signalpy-new-", dir=target.parent))
    except OSError as error:
        raise Failure(f"nothing can be made in {target.parent}: {error.strerror}") from error
    try:
        draft = room / target.name
        yield draft
        if not draft.is_dir():
            raise Failure("the template made nothing")
        draft.rename(target)
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _copy(
    template: str, draft: Path, answers: Mapping[str, Any], *, ref: str | None, defaults: bool, trust: bool
) -> None:
    from copier import run_copy
    from copier.errors import CopierAnswersInterrupt, UnsafeTemplateError

    _check_keys(template, answers)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as that a template in git has changes that are not committed
            run_copy(
                template,
                draft,
                data=dict(answers),
                vcs_ref=ref,
                defaults=defaults,
                unsafe=trust,
                quiet=True,
                overwrite=True,
            )
    except (CopierAnswersInterrupt, KeyboardInterrupt):
        raise click.Abort from None
    except UnsafeTemplateError as error:
        fix = "Read them, and give --trust if they are good."
        raise _failure(f"the template {template} wants to run commands of its own. {fix}", error) from error
    except Exception as error:
        raise _failure(f"the template {template} cannot be used: {told(error)}", error) from error


def _failure(problem: str, error: Exception) -> Failure:
    return Failure(problem, cause=error if options().debug else None)


def _check_keys(template: str, answers: Mapping[str, Any]) -> None:
    """Refuses an answer to a question that the shipped template does not ask; of another one copier has the say."""
    if template != str(TEMPLATE):
        return
    asked = ("author", "core", "description", "repository")
    for key in answers:
        if key not in ("name", *asked):
            hint = did_you_mean(key, asked) or f" It asks for: {', '.join(asked)}."
            raise Failure(f"--data: the template does not ask for {key!r}.{hint}")


def _forget_origin(draft: Path) -> None:
    """Takes out where the shipped template lies on this machine: nothing can be updated from there."""
    file = draft / ".copier-answers.yml"
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith("_src_path:")]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _asks() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()
