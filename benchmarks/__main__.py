"""``python -m benchmarks run``, ``report`` and ``compare``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.comparison import changes
from benchmarks.families import FAMILIES
from benchmarks.lab import ROOT, Lab
from benchmarks.report import page
from benchmarks.result import read_result
from benchmarks.run import run

RESULT: Final = ROOT / "benchmarks" / "result.json"
PAGE: Final = ROOT / "docs" / "performance.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return the exit code.

    0 done; 1 a row could not be measured, or got worse; 2 wrong usage, or nothing to read.
    """
    given = _parser().parse_args(arguments)
    try:
        code: int = given.command(given)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"benchmarks: {error}\n")
        return 2
    return code


def _run(given: argparse.Namespace) -> int:
    unknown = set(given.family) - set(FAMILIES)
    if unknown:
        raise ValueError(f"expected families out of {', '.join(FAMILIES)}, found {', '.join(sorted(unknown))}")
    lab = Lab(
        quick=given.quick,
        peers=given.peers,
        parent=given.folder,
        events=given.events,
        replayed=given.replayed,
        effort=given.effort,
    )
    skipped = False
    text = ""
    for result in run(lab, given.family or FAMILIES, told=lambda line: sys.stderr.write(f"{line}\n")):
        given.output.write_text(result.to_json(), encoding="utf-8")
        text, skipped = page(result), any(row.skipped for row in result.rows)
    sys.stdout.write(text)
    return int(skipped)


def _report(given: argparse.Namespace) -> int:
    text = page(read_result(given.result))
    if str(given.output) == "-":
        sys.stdout.write(text)
    else:
        given.output.write_text(text, encoding="utf-8")
    return 0


def _compare(given: argparse.Namespace) -> int:
    found = list(changes(read_result(given.old), read_result(given.new), noise=given.noise))
    sys.stdout.writelines(f"{change}\n" for change in found)
    return int(any(change.verdict == "worse" for change in found))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(required=True)
    run_command = commands.add_parser("run", help="measure, write JSON, print the page")
    run_command.set_defaults(command=_run)
    run_command.add_argument(
        "family", nargs="*", metavar="FAMILY", help=f"{', '.join(FAMILIES)}; all, if none is given"
    )
    run_command.add_argument("--quick", action="store_true", help="a smoke run: small sizes, few rounds")
    run_command.add_argument("--peers", type=Path, metavar="PYTHON", help="of an environment with the peers installed")
    run_command.add_argument("--output", type=Path, default=RESULT, help="where the JSON goes")
    run_command.add_argument("--folder", type=Path, help="where the trails are made; its disk is measured, too")
    run_command.add_argument("--events", type=int, help="records of the trail that is verified and queried")
    run_command.add_argument("--replayed", type=int, help="events that are replayed")
    run_command.add_argument("--effort", type=float, default=1.0, help="how much longer to measure than usual")
    report = commands.add_parser("report", help="write docs/performance.md from a result")
    report.set_defaults(command=_report)
    report.add_argument("result", type=Path, nargs="?", default=RESULT)
    report.add_argument("--output", type=Path, default=PAGE, help="- for the terminal")
    compare = commands.add_parser("compare", help="exit with 1 where a ratio got worse by more than its noise")
    compare.set_defaults(command=_compare)
    compare.add_argument("old", type=Path)
    compare.add_argument("new", type=Path)
    compare.add_argument("--noise", type=float, help="a share, such as 0.1, in place of what each row states")
    return parser


if __name__ == "__main__":
    sys.exit(main())
