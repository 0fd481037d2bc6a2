"""The page: a result as Markdown. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.figures import Figures
from benchmarks.result import Result
from benchmarks.rows import FLOOR, OURS, TIMES, Row

HEADING = """# Performance

What SignalPy costs, and what its peers cost, each as a multiple of the bare operation that nothing can beat: awaiting
the handler, validating with pydantic, writing and syncing the same bytes. All were measured in one run, in turn, round
by round; a ratio is that of the medians, and a peer's is to the limit as measured in the peer's own process. Ratios can
be compared between machines, the figures below them cannot. A floor is a bare program that keeps the same promises in
this one case and can do nothing else: what it misses is out of reach. The load that is told counts the run itself: its
own processes keep one to two CPUs busy.

This page is generated: `nox -s bench` measures, `python -m benchmarks report` writes it from
`benchmarks/result.json`, which holds every figure. How each row is measured is in `benchmarks/`, one module a family.
"""


def page(result: Result) -> str:
    """The whole page."""
    parts = [HEADING, _circumstances(result.about), "## Ratios\n", _ratios(result.rows), *_notes(result.rows)]
    parts += _reasons(result.rows)
    parts += ["## Figures\n", "Minimum, median and maximum of the rounds.\n", _figures(result.rows)]
    return "\n".join(parts)


def _circumstances(about: Any) -> str:
    machine, commit = about["machine"], about["commit"]["commit"] or "unknown"
    changed = ", with changes that are not committed" if about["commit"]["changed"] else ""
    loads = " and ".join(_load(about[moment]) for moment in ("load_before", "load_after"))
    quick = ", a quick run, which says little" if about["quick"] else ""
    where = [
        machine["processor"],
        f"{machine['cpus']} CPUs",
        f"{machine['memory_gib']} GiB",
        machine["system"],
        machine["python"],
        f"trails on {machine['file_system']}",
    ]
    parts = {
        "When and what": f"{about['started']}, commit `{commit[:12]}`{changed}{quick}",
        "Where": ", ".join(where),
        "Load": f"1, 5 and 15 minutes before the run and at its end {loads}; it took {about['seconds']:.0f} s",
        "Versions": _versions(about["versions"]),
        "Peers": _versions(about["peers"]) or "none in this run",
    }
    return "\n".join([*(f"- **{name}**: {text}" for name, text in parts.items()), ""])


def _load(load: Sequence[float]) -> str:
    return " / ".join(f"{value:g}" for value in load) or "unknown"


def _versions(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _ratios(rows: Sequence[Row]) -> str:
    body = [(row.spec.work, row.spec.limit or "-", _ours(row), _floor(row), _peers(row), _reach(row)) for row in rows]
    return _table(("work", "limit", "SignalPy", "floor", "peers, times the limit", "to reach"), body)


def _ours(row: Row) -> str:
    if row.skipped:
        return "not measured"
    parts = [f"{_number(row.figures[OURS].median)} {row.spec.unit}"]
    if OURS in row.ratios:
        parts.insert(0, f"{_number(row.ratios[OURS])} {TIMES}")
    if row.spec.reach is not None and row.spec.reach.unit != TIMES:
        parts.reverse()
    return " ".join([f"**{parts[0]}**", *(f"({part})" for part in parts[1:])])


def _floor(row: Row) -> str:
    return f"{_number(row.ratios[FLOOR])} {TIMES}" if FLOOR in row.ratios else "-"


def _peers(row: Row) -> str:
    peers = sorted((ratio, name) for name, ratio in row.ratios.items() if name not in (OURS, FLOOR))
    return " · ".join(f"{name} {_number(ratio)}" for ratio, name in peers) or "-"


def _reach(row: Row) -> str:
    if row.spec.reach is None:
        return "-"
    verdict = {True: "reached", False: "**missed**", None: "not measured"}[row.reached]
    return f"{row.spec.reach}: {verdict}"


def _notes(rows: Iterable[Row]) -> list[str]:
    notes = [f"- {row.spec.id}: {text}" for row in rows for text in (row.skipped or row.note,) if text]
    return ["\n".join([*notes, ""])] if notes else []


def _reasons(rows: Iterable[Row]) -> list[str]:
    """What is missed, and what is known of why."""
    reasons = [f"- {row.spec.id}: {_reason(row)}" for row in rows if row.reached is False]
    return ["## What is not reached, and why\n", "\n".join([*reasons, ""])] if reasons else []


def _reason(row: Row) -> str:
    unit = TIMES if row.spec.reach is None else row.spec.reach.unit
    parts = [f"{_number(row.judged or 0)} {unit}, to be reached {row.spec.reach}."]
    if FLOOR in row.ratios and row.spec.floor:
        parts.append(f"Floor {_floor(row)}: {row.spec.floor}.")
    return " ".join([*parts, row.spec.why or "No reason is known."])


def _figures(rows: Iterable[Row]) -> str:
    body = [
        (row.spec.id, "SignalPy" if name == OURS else name, row.spec.unit, *_ends(figures), str(figures.count))
        for row in rows
        for name, figures in row.figures.items()
    ]
    return _table(("row", "subject", "unit", "min", "median", "max", "rounds"), body)


def _ends(figures: Figures) -> tuple[str, str, str]:
    return _number(figures.min), _number(figures.median), _number(figures.max)


def _number(value: float) -> str:
    """Three digits that count, with thousands set apart."""
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:.2f}" if size >= 0.1 else f"{value:.3g}"


def _table(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"
