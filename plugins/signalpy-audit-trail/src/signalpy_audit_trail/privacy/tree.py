"""The rules on one event type or target, as a tree that is walked beside a value. Pure.

The first rule that names a value, or what it lies in, decides about it. So a rule on ``customer`` is a rule on all that
is in it, except for what an earlier rule names more closely.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from msgspec import Struct

from signalpy_audit_trail.fieldpath import Json, Path, Wild
from signalpy_audit_trail.privacy.rules import Action


class Clause(Struct, frozen=True, eq=False):
    """One field of one rule.

    :param order: the lower, the earlier in the table.
    :param path: from the record's root; with wildcards.
    :param subject: of ``encrypt``: path from the record's root to whose key it is.
    """

    order: int
    path: Path
    action: Action
    subject: Path | None = None


Decide: TypeAlias = Callable[[Clause | None, Json, Path], Json]
"""What becomes of a value: given the clause that decides (``None``: no rule names it), the value, and its path."""


class Node(Struct, eq=False):
    """What the rules say at one place and below it.

    :param clause: the first that ends here.
    :param lowest: the earliest clause here or below, by its order.
    :param names: children by key; ``other`` is for every further key.
    :param places: children by position; ``each`` is for every further element.
    """

    clause: Clause | None
    lowest: int
    names: dict[str, Node]
    other: Node | None
    places: dict[int, Node]
    each: Node | None

    @property
    def is_leaf(self) -> bool:
        """Whether nothing is said of what lies below."""
        return not self.names and not self.places and self.other is None and self.each is None


def grow(clauses: Iterable[Clause]) -> Node | None:
    """The tree of clauses; ``None`` for none."""
    return _node([(clause, clause.path) for clause in clauses])


def _node(rest: list[tuple[Clause, Path]]) -> Node | None:
    if not rest:
        return None
    ends = [clause for clause, path in rest if not path]
    wild = [(clause, path[1:]) for clause, path in rest if path and path[0] is Wild.MEMBER]
    every = [(clause, path[1:]) for clause, path in rest if path and path[0] is Wild.ELEMENT]
    names = {path[0]: None for _, path in rest if path and isinstance(path[0], str)}
    places = {path[0]: None for _, path in rest if path and isinstance(path[0], int)}
    return Node(
        clause=min(ends, key=lambda clause: clause.order, default=None),
        lowest=min(clause.order for clause, _ in rest),
        names={name: _must([(c, p[1:]) for c, p in rest if p and p[0] == name] + wild) for name in names},
        other=_node(wild),
        places={place: _must([(c, p[1:]) for c, p in rest if p and p[0] == place] + every) for place in places},
        each=_node(every),
    )


def _must(rest: list[tuple[Clause, Path]]) -> Node:
    node = _node(rest)
    assert node is not None  # noqa: S101 (each name was taken from a clause)
    return node


class Rewriting(Struct, frozen=True, eq=False):
    """How values are replaced.

    :param decide: what becomes of a part. It is as large as can be: a part is only looked into where a rule may say
        something else of what is in it.
    :param rename: what becomes of a key that is looked past, given whether a rule names it; ``None``: it stays.
    """

    decide: Decide
    rename: Callable[[str, bool], str] | None = None

    def of(self, value: Json, node: Node | None, path: Path, *, open_below: int = 0) -> Json:
        """``value``, which is at ``path``, with every part replaced.

        :param open_below: how many levels are looked into, though no rule may lead there.
        """
        return self._value(value, node, None, path, open_below)

    def _value(self, value: Json, node: Node | None, above: Clause | None, path: Path, open_below: int) -> Json:
        clause = above
        if node is not None and node.clause is not None and (above is None or node.clause.order < above.order):
            clause = node.clause
        closed = node is None or node.is_leaf or (clause is not None and node.lowest >= clause.order)
        if isinstance(value, dict | list) and not (closed and (open_below <= 0 or clause is not None)):
            if isinstance(value, dict):
                return self._members(value, node, clause, path, open_below - 1)
            return [
                self._value(child, _element(node, place), clause, (*path, place), open_below - 1)
                for place, child in enumerate(value)
            ]
        return self.decide(clause, value, path)

    def _members(
        self, value: dict[str, Json], node: Node | None, clause: Clause | None, path: Path, below: int
    ) -> dict[str, Json]:
        found: dict[str, Json] = {}
        for key, child in value.items():
            name = key if self.rename is None else _fresh(self.rename(key, _member(node, key) is not None), found)
            found[name] = self._value(child, _member(node, key), clause, (*path, name), below)
        return found


def decided(path: Path, node: Node | None) -> tuple[Path, Clause | None]:
    """The part of ``path`` down to the place that is decided about as a whole, and the clause that decides."""
    clause: Clause | None = None
    for depth, step in enumerate((*path, None)):
        if node is not None and node.clause is not None and (clause is None or node.clause.order < clause.order):
            clause = node.clause
        if node is None or node.is_leaf or (clause is not None and node.lowest >= clause.order) or step is None:
            return path[:depth], clause
        node = _member(node, step) if isinstance(step, str) else _element(node, step if isinstance(step, int) else -1)
    return path, clause


def _fresh(name: str, taken: dict[str, Json]) -> str:
    """``name``, or with ``#2``, ``#3``, … where that is taken."""
    again, found = 1, name
    while found in taken:
        again += 1
        found = f"{name}#{again}"
    return found


def _member(node: Node | None, key: str) -> Node | None:
    return None if node is None else node.names.get(key, node.other)


def _element(node: Node | None, place: int) -> Node | None:
    return None if node is None else node.places.get(place, node.each)


def bound(path: Path, pattern: Path, place: Path) -> Path:
    """``path`` with the wildcards that it shares with ``pattern`` taken from ``place``, which ``pattern`` led to.

    So ``lines[*].customer`` beside ``lines[*].note`` means the customer of the same line.
    """
    shared = 0
    while shared < min(len(path), len(pattern)) and path[shared] == pattern[shared]:
        shared += 1
    return (*place[:shared], *path[shared:])
