"""Coverage: what of all that is known here the trail records, and whether somebody has decided that. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from msgspec import Struct

from signalpy.matching import matches_any
from signalpy.policy import Policies
from signalpy_audit_trail.fieldpath import written
from signalpy_audit_trail.privacy.rules import Rules

OWN: Final = "audit-trail."
ACCESS: Final = "access"
"""The level of the trail's own runnables: each use is an access record, whatever policies say."""
UNCLASSIFIED: Final = "unclassified"


class Covered(Struct, frozen=True):
    """One runnable, one event type (or pattern of them), or a component that could not be looked at.

    :param kind: ``call``, ``event`` or ``component``.
    :param component: who has the runnable, or publishes the event; ``-`` if nobody says that he publishes it.
    :param level: of a call its audit level, ``off`` or ``access``; of an event ``recorded``, ``exempt``; of both
        ``unclassified``: nobody has said whether it is to be recorded.
    :param by: the policy entry, or the pattern, that says so.
    :param privacy: the rules that are about it, in words.
    """

    kind: str
    name: str
    component: str
    level: str
    by: str | None
    privacy: tuple[str, ...]

    @property
    def classified(self) -> bool:
        """Whether somebody has decided it."""
        return self.level != UNCLASSIFIED


def of_calls(targets: Iterable[str], policies: Policies, rules: Rules) -> Iterator[Covered]:
    """Yield what becomes of the calls of each target."""
    for target in sorted(targets):
        component = target.partition(".")[0]
        level, by = _level(target, component, policies)
        yield Covered("call", target, component, level, by, _privacy(target, rules))


def of_events(
    events: Iterable[tuple[str, str]], recorded: Sequence[str], exempt: Sequence[str], rules: Rules
) -> Iterator[Covered]:
    """Yield what becomes of each event.

    :param events: event type, or the pattern that a component says it publishes, and the component.
    :param recorded: ``[audit-trail] events``.
    :param exempt: ``[audit-trail.coverage] exempt``: events that are left out on purpose.
    """
    for name, component in sorted(set(events)):
        taken, left_out = matches_any(name, recorded), matches_any(name, exempt)
        level = "recorded" if taken else "exempt" if left_out else UNCLASSIFIED
        yield Covered("event", name, component, level, taken or left_out, _privacy(name, rules))


def of_unread(components: Iterable[str]) -> Iterator[Covered]:
    """Yield components of which nobody knows what they can do and publish, since they cannot be imported."""
    for name in sorted(components):
        yield Covered("component", name, name, UNCLASSIFIED, None, ())


def _level(target: str, component: str, policies: Policies) -> tuple[str, str | None]:
    if target.startswith(OWN):
        return ACCESS, None
    audit, entry = policies.setting("audit", target, component)
    if entry is None:
        return UNCLASSIFIED, None
    return str(audit) if audit else "off", entry.name


def _privacy(name: str, rules: Rules) -> tuple[str, ...]:
    about = (f"{rule.action} {', '.join(map(written, rule.fields))}" for rule in rules.rules if rule.applies_to(name))
    return (*about, *([f"{rules.default} the rest"] if rules.default != "keep" else []))
