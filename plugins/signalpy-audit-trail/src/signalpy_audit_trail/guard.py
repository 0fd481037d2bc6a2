"""Who may read, export and erase the trail: callers from outside any component, and components that are named. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from signalpy import Refused
from signalpy.matching import matches
from signalpy.operation import OUTSIDE
from signalpy.policy import Policies
from signalpy_audit_trail.settings import NAME

GUARDED: Final = [f"{NAME}.{runnable}" for runnable in ("query", "export", "erase", "summary")]


def check(caller: str, target: str, policies: Mapping[str, Mapping[str, Any]]) -> None:
    """Lets ``caller`` pass if its own policy names ``target``: a pattern that begins with ``audit-trail.``, not ``*``.

    :param policies: the entries in force.
    :raises Refused: it does not.
    """
    if caller in (OUTSIDE, NAME):
        return
    allowed, _ = Policies(policies).setting("invoke_allow", caller)
    if any(pattern.startswith(f"{NAME}.") and matches(target, pattern) for pattern in allowed or ()):
        return
    raise Refused(
        f"{caller} may not invoke {target}: its policy must name that in invoke_allow, as in "
        f'[policy.{caller}] invoke_allow = ["*", "{target}"]',
        rule=f"invoke_allow of {caller} does not name {target}",
        caller=caller,
        target=target,
    )
