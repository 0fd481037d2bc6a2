"""A row of the table: what was done, against which limit, what is to be reached, and what was measured. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from benchmarks.figures import Figures, percentile, summarized

OURS: Final = "signalpy"
LIMIT: Final = "limit"
FLOOR: Final = "floor"
"""A bare program that keeps the promises in this one case and can do nothing else: what it misses is out of reach."""
TIMES: Final = "\N{MULTIPLICATION SIGN}"
"""The unit of a target that is a multiple of the limit."""
BESIDE: Final = "limit beside "
"""Before a peer's name: the limit as it was measured in the peer's own process."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What is to be reached.

    :param unit: `TIMES` where it is a multiple of the limit, else the unit of the figure itself.
    """

    relation: Literal["≤", "≥"]
    value: float
    unit: str = TIMES

    def __str__(self) -> str:
        return f"{self.relation} {self.value:g} {self.unit}"

    def holds(self, measured: float) -> bool:
        """Whether it is reached."""
        return measured <= self.value if self.relation == "≤" else measured >= self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What a row is about, known before anything is measured.

    :param id: stays the same over commits.
    :param limit: the bare operation, in words; empty where there is none.
    :param unit: of the figures.
    :param better: whether a good figure is a small or a large one.
    :param noise: by which share the measured value moves between runs of the same code.
    :param floor: what the program does that is measured as `FLOOR`, in words; empty where there is none.
    :param why: what keeps the target from being reached, told where it is missed.
    """

    id: str
    work: str
    limit: str
    unit: str
    better: Literal["less", "more"] = "less"
    reach: Reach | None = None
    noise: float = 0.1
    floor: str = ""
    why: str = ""

    def row(self, samples: Mapping[str, Sequence[float]], *, scale: float = 1.0, note: str = "") -> Row:
        """The row of samples by subject.

        :param samples: `OURS`, `LIMIT`, `FLOOR`, and for peers their name and `BESIDE` their name.
        :param scale: from the samples' unit to that of the row.
        """
        figures = {name: summarized([value * scale for value in values]) for name, values in samples.items()}
        return Row(spec=self, figures=figures, note=note)

    def percentile_row(
        self, samples: Mapping[str, Sequence[float]], share: float, *, scale: float = 1.0, note: str = ""
    ) -> Row:
        """The row of one percentile over all samples of each subject."""
        return self.row({name: [percentile(all_of, share)] for name, all_of in samples.items()}, scale=scale, note=note)

    def skipped(self, reason: str) -> Row:
        """The row of what could not be measured, and why."""
        return Row(spec=self, skipped=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What was measured.

    :param figures: by subject.
    :param note: what a reader of the figures must know.
    :param skipped: why nothing was measured, if so.
    """

    spec: Spec
    figures: Mapping[str, Figures] = field(default_factory=dict)
    note: str = ""
    skipped: str = ""

    @property
    def ratios(self) -> dict[str, float]:
        """The median of each subject over that of its limit: a peer's over the one measured beside it."""
        found = {}
        for name, figures in self.figures.items():
            limit = self.figures.get(BESIDE + name, self.figures.get(LIMIT))
            if name != LIMIT and not name.startswith(BESIDE) and limit is not None and limit.median:
                found[name] = figures.median / limit.median
        return found

    @property
    def measured(self) -> float | None:
        """What is compared: our ratio to the limit, or our figure where there is no limit."""
        if OURS in self.ratios:
            return self.ratios[OURS]
        return self.figures[OURS].median if OURS in self.figures else None

    @property
    def judged(self) -> float | None:
        """What the target is held against: `measured`, or our figure where the target is one."""
        if self.spec.reach is None or self.spec.reach.unit == TIMES:
            return self.measured
        return self.figures[OURS].median if OURS in self.figures else None

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached; ``None`` where there is none or nothing was measured."""
        reach = self.spec.reach
        return None if reach is None or self.judged is None else reach.holds(self.judged)

    def noted(self, note: str) -> Row:
        """The same with another sentence in its note."""
        return replace(self, note=f"{self.note} {note}".strip())

    def to_json(self) -> dict[str, Any]:
        """Everything, with what follows from it."""
        spec = self.spec
        return {
            "id": spec.id,
            "work": spec.work,
            "limit": spec.limit,
            "unit": spec.unit,
            "better": spec.better,
            "noise": spec.noise,
            "floor": spec.floor,
            "why": spec.why,
            "reach": None if spec.reach is None else vars_of(spec.reach),
            "reached": self.reached,
            "measured": self.measured,
            "ratios": self.ratios,
            "figures": {name: vars_of(figures) for name, figures in self.figures.items()},
            "note": self.note,
            "skipped": self.skipped,
        }


def vars_of(record: Reach | Figures) -> dict[str, Any]:
    """The fields of a record by name."""
    return {name: getattr(record, name) for name in record.__slots__}


def row_from_json(found: Mapping[str, Any]) -> Row:
    """The row that `Row.to_json` wrote."""
    reach = found["reach"]
    spec = Spec(
        reach=None if reach is None else Reach(**reach),
        **{name: found[name] for name in ("id", "work", "limit", "unit", "better", "noise")},
        **{name: found.get(name, "") for name in ("floor", "why")},
    )
    figures = {name: Figures(**values) for name, values in found["figures"].items()}
    return Row(spec=spec, figures=figures, note=found["note"], skipped=found["skipped"])


def at_most(value: float, unit: str = TIMES) -> Reach:
    """To be reached: no more than this."""
    return Reach("≤", value, unit)


def at_least(value: float, unit: str = TIMES) -> Reach:
    """To be reached: no less than this."""
    return Reach("≥", value, unit)


def of(measure: str, samples: Mapping[str, Sequence[float]]) -> dict[str, Sequence[float]]:
    """Of samples named ``measure: subject``, those of one measure, by subject."""
    prefix = f"{measure}: "
    return {name.removeprefix(prefix): values for name, values in samples.items() if name.startswith(prefix)}
