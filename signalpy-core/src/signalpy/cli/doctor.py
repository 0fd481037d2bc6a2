"""``signalpy doctor``: everything about an installation that a person should look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from signalpy.cli.attached import OWN_PROCESS, ask
from signalpy.cli.failure import NO, Failure
from signalpy.cli.options import options
from signalpy.cli.output import print_json, say

if TYPE_CHECKING:
    from signalpy.cli.options import Options
    from signalpy.doctor import Report
    from signalpy.kernel import Kernel

INSTALLED: Final = "looks at what is installed: signalpy doctor, without --attach"


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One object: healthy, findings, made, not_made.")
@click.option("--boot", is_flag=True, help="Boot, and make the checks that need it. Runs the plugins' code.")
@click.pass_context
def doctor(ctx: click.Context, *, as_json: bool, boot: bool) -> None:
    """Check the installation, and list what is wrong; exit code 1 if there is a problem.

    Reads metadata and files: nothing of a plugin is imported without --boot. A note is no problem. With --attach the
    process there examines itself: what runs in it, and whether that is what is installed by now.
    """
    given = options()
    if given.attach is not None and boot:
        raise Failure(f"--boot {OWN_PROCESS}")
    report = _asked() if given.attach is not None else _examined(given, boot=boot)
    if as_json:
        print_json(report.as_dict())
    else:
        _print(report)
    if report.problems:
        ctx.exit(NO)


def _examined(given: Options, *, boot: bool) -> Report:
    from signalpy.doctor import Examined, examine

    examined = Examined.here(given.reading, lambda: given.configuration)
    report = examine(examined)
    return report.with_more(_live(given)) if boot and examined.configuration is not None else report


def _asked() -> Report:
    from signalpy.doctor import OFFLINE, Report

    report = Report.of(ask("doctor", of=dict))
    return report.with_more(Report((), (), dict.fromkeys(OFFLINE, INSTALLED)))


def _live(given: Options) -> Report:
    from signalpy.cli.booting import with_kernel
    from signalpy.doctor import Finding, Level, Report, examine_live
    from signalpy.errors import BootError

    async def look(kernel: Kernel) -> Report:
        return examine_live(kernel)

    try:
        return with_kernel(given, look)
    except BootError as error:
        subject = str(getattr(error, "component", "kernel"))
        return Report((Finding("states", Level.PROBLEM, subject, str(error)),), ("states",))


def _print(report: Report) -> None:
    from signalpy.doctor import Level

    width = max((len(item.check) for item in report.findings), default=0)
    for item in sorted(report.findings, key=lambda item: item.level is not Level.PROBLEM):
        say(f"{item.level:7}  {item.check:{width}}  {item.subject}: {item.message}")
    problems = len(report.problems)
    notes = len(report.findings) - problems
    click.echo(f"{_counted(problems, 'problem')}, {_counted(notes, 'note')}; {len(report.made)} checks made")
    reasons = dict.fromkeys(report.not_made.values())
    for reason in reasons:
        say(f"not made: {', '.join(name for name, why in report.not_made.items() if why == reason)}: {reason}")


def _counted(count: int, word: str) -> str:
    return f"{count or 'no'} {word}{'' if count == 1 else 's'}"
