"""Orders: which component is activated before which, and which interceptor stands outside which.

Both are a topological order that keeps to a given order wherever the constraints leave a choice.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence


class CycleError(ValueError):
    """The constraints contradict each other. ``cycle`` names the members, the first one again at the end."""

    def __init__(self, cycle: Sequence[str]) -> None:
        super().__init__(" -> ".join(cycle))
        self.cycle = list(cycle)


def stable_order(names: Sequence[str], after: Mapping[str, Iterable[str]]) -> list[str]:
    """``names`` so that each stands behind all that ``after`` names for it, else in the order given.

    :param after: what must come before a name; names that are not in ``names`` are passed over.
    :raises CycleError: naming one cycle in full.
    """
    rank = {name: place for place, name in enumerate(names)}
    needs = {name: {other for other in after.get(name, ()) if other in rank} for name in names}
    needed_by: dict[str, list[str]] = {name: [] for name in names}
    for name, others in needs.items():
        for other in others:
            needed_by[other].append(name)
    missing = {name: len(others) for name, others in needs.items()}
    ready = [rank[name] for name in names if not missing[name]]
    heapq.heapify(ready)
    order: list[str] = []
    while ready:
        name = names[heapq.heappop(ready)]
        order.append(name)
        for other in needed_by[name]:
            missing[other] -= 1
            if not missing[other]:
                heapq.heappush(ready, rank[other])
    if len(order) < len(names):
        raise CycleError(find_cycle(needs, [name for name in names if missing[name]]))
    return order


def find_cycle(needs: Mapping[str, Iterable[str]], start: Sequence[str]) -> list[str]:
    """One cycle among ``start``, as a path that ends where it began; each needs the next.

    Every member of ``start`` is on a cycle or needs one that is.
    """
    among = set(start)
    seen: dict[str, int] = {}
    path: list[str] = []
    here = start[0]
    while here not in seen:
        seen[here] = len(path)
        path.append(here)
        here = min((other for other in needs[here] if other in among), key=list(start).index)
    return [*path[seen[here] :], here]
