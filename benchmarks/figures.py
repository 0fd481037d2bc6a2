"""What samples say: their middle, their ends, how steady they are. Pure, standard library only."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Figures:
    """What was seen of one subject.

    :param count: how many samples there were.
    """

    min: float
    median: float
    max: float
    count: int


def summarized(samples: Sequence[float]) -> Figures:
    """Minimum, median and maximum of samples.

    :raises ValueError: there are none.
    """
    if not samples:
        raise ValueError("expected at least one sample, found none")
    return Figures(min(samples), median(samples), max(samples), len(samples))


def percentile(samples: Sequence[float], share: float) -> float:
    """The least sample that is not exceeded by ``share`` (0 to 1) of all, by nearest rank.

    :raises ValueError: there are no samples.
    """
    if not samples:
        raise ValueError("expected at least one sample, found none")
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def unsteadiness(samples: Sequence[float]) -> float:
    """About the relative standard error of the median: how far another run of as many samples would come to lie.

    From the median absolute deviation, so that a sample that was disturbed counts no more than any other.
    """
    if len(samples) < 2:
        return math.inf
    middle = median(samples)
    if middle == 0:
        return math.inf
    deviation = 1.4826 * median(abs(sample - middle) for sample in samples)
    return 1.2533 * deviation / (abs(middle) * math.sqrt(len(samples)))
