"""Two results side by side: what got worse by more than its noise. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from benchmarks.result import Result

_NOTHING: Final = 1e-12
"""What stands for 0, such as the rate of what starved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One row in two results.

    :param before: the measured value (see `Row.measured`), ``None`` where there is none; ``after`` likewise.
    :param worse: the factor by which it got worse; below 1 it got better.
    :param noise: by which share it may move.
    """

    id: str
    before: float | None
    after: float | None
    worse: float | None
    noise: float

    @property
    def verdict(self) -> str:
        """``worse``, ``better``, ``same``, or that there is nothing to compare."""
        if self.worse is None:
            return "not compared"
        if self.worse > 1 + self.noise:
            return "worse"
        return "better" if self.worse < 1 / (1 + self.noise) else "same"

    def __str__(self) -> str:
        values = " → ".join("-" if value is None else f"{value:.4g}" for value in (self.before, self.after))
        return f"{self.verdict:13}{self.id:26}{values}  (noise {self.noise:.0%})"


def changes(old: Result, new: Result, *, noise: float | None = None) -> Iterator[Change]:
    """Yield every row of either result.

    :param noise: for all rows, in place of what each states.
    """
    before, after = ({row.spec.id: row for row in result.rows} for result in (old, new))
    for id in {**before, **after}:
        was, is_ = before.get(id), after.get(id)
        spec = (is_ or was or before[id]).spec
        first, second = (None if row is None else row.measured for row in (was, is_))
        worse = None
        if first is not None and second is not None:
            rise = max(second, _NOTHING) / max(first, _NOTHING)
            worse = rise if spec.better == "less" else 1 / rise
        share = noise if noise is not None else max(row.spec.noise for row in (was, is_) if row is not None)
        yield Change(id=id, before=first, after=second, worse=worse, noise=share)
