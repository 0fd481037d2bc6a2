"""A look over the policies for what they cannot mean: wrong keys, names of nothing, contradictions, what never counts.

Pure. What matches nothing and what never counts is judged by the names that are known, which the caller gives.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from signalpy.errors import PolicyError
from signalpy.matching import did_you_mean, is_pattern, literal_start, matches, matches_any
from signalpy.policy import Entry, Policies, checked

OUTSIDE: Final = "kernel"
"""The caller from outside any component."""


class Finding(Struct, frozen=True, order=True):
    """Something that a person should look at. ``key`` is empty where the whole entry is meant."""

    entry: str
    key: str
    problem: str

    def as_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

    def __str__(self) -> str:
        return f'policy "{self.entry}": {f"{self.key}: " if self.key else ""}{self.problem}'


def wrong(tables: Mapping[str, Any]) -> tuple[list[Finding], Policies]:
    """What is not allowed in the entries of a file, each problem by itself; and the policies of all the rest."""
    findings: list[Finding] = []
    good: dict[str, dict[str, Any]] = {}
    for name, keys in tables.items():
        pieces = [{key: value} for key, value in keys.items()] if isinstance(keys, Mapping) else [keys]
        for piece in pieces:
            try:
                good.setdefault(name, {}).update(checked(name, piece))
            except PolicyError as error:
                key = error.__dict__["key"] or ""
                problem = str(error).removeprefix(f'policy "{name}": ').removeprefix(f"{key} ")
                findings.append(Finding(name, str(key), problem))
    return findings, Policies(good)


def doubtful(policies: Policies, components: Collection[str], targets: Collection[str] | None = None) -> list[Finding]:
    """What is allowed and cannot be meant.

    :param components: the names of all components that are known.
    :param targets: all ``component.runnable``; ``None`` if they are not known.
    """
    found: list[Finding] = []
    for entry in sorted(policies.ranked, key=lambda entry: (entry.runtime, entry.place)):
        found += _names_nothing(entry, components, targets)
        found += _lists(entry, components, targets)
        found += _never_counts(policies, entry, components, targets)
    return found


def _names_nothing(entry: Entry, components: Collection[str], targets: Collection[str] | None) -> Iterator[Finding]:
    callers = {*components, OUTSIDE}
    if any(matches(name, entry.name) for name in callers) or _may_match(entry.name, components, targets):
        return
    known = {*callers, *(targets or ())}
    yield Finding(entry.name, "", f"no component or runnable goes by this name.{did_you_mean(entry.name, known)}")


def _lists(entry: Entry, components: Collection[str], targets: Collection[str] | None) -> Iterator[Finding]:
    for action in ("invoke", "publish"):
        allow, deny = entry.keys.get(f"{action}_allow"), entry.keys.get(f"{action}_deny")
        for key, patterns in ((f"{action}_allow", allow), (f"{action}_deny", deny)):
            for pattern in patterns or () if action == "invoke" else ():
                if not _may_match(pattern, components, targets):
                    yield Finding(entry.name, key, _no_target(pattern, components, targets))
        if allow is None or not deny:
            continue
        if not allow:
            yield Finding(entry.name, f"{action}_deny", f"has no effect: the empty {action}_allow refuses everything")
        for pattern in allow:
            stronger = matches_any(pattern, deny)
            if stronger is not None:
                yield Finding(
                    entry.name, f"{action}_allow", f'"{pattern}" has no effect: {action}_deny "{stronger}" beats it'
                )


def _no_target(pattern: str, components: Collection[str], targets: Collection[str] | None) -> str:
    if "." not in pattern and pattern in components:
        return f'"{pattern}" matches no target, which is component.runnable. Use "{pattern}.*"'
    return f'"{pattern}" matches no target that is known.{did_you_mean(pattern, targets or components)}'


def _may_match(pattern: str, components: Collection[str], targets: Collection[str] | None) -> bool:
    """Whether a target of a known component can match; where the targets are known, whether one does."""
    if targets is not None:
        return any(matches(target, pattern) for target in targets)
    start = literal_start(pattern)
    if not is_pattern(pattern):
        return pattern.partition(".")[0] in components and "." in pattern
    heads = [f"{name}." for name in components]
    return any(head.startswith(start) or start.startswith(head) for head in heads)


def _never_counts(
    policies: Policies, entry: Entry, components: Collection[str], targets: Collection[str] | None
) -> Iterator[Finding]:
    """Keys that a more specific entry, or one set at run time, takes over wherever this one would count."""
    asked = [(name,) for name in sorted({*components, OUTSIDE}) if matches(name, entry.name)]
    runnables = [(name, name.partition(".")[0]) for name in sorted(targets or ()) if matches(name, entry.name)]
    for key in entry.keys:
        places = [*asked, *(runnables if key in ("audit", "require_actor") else ())]
        winners = [policies.setting(key, *names)[1] for names in places]
        if winners and entry not in winners:
            others = ", ".join(dict.fromkeys(_named(winner) for winner in winners if winner is not None))
            yield Finding(entry.name, key, f"never counts: {others} set it for all that goes by this name")


def _named(entry: Entry) -> str:
    return f'"{entry.name}"{" (set at run time)" if entry.runtime else ""}'
