"""Why a policy verdict is as it is: the verdict, and which entry gave each key. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

from signalpy.policy import Policies, Verdict

Action: TypeAlias = Literal["invoke", "publish"]
ACTIONS: Final[tuple[Action, ...]] = ("invoke", "publish")


class Line(Struct, frozen=True):
    """One key, as it counts here.

    :param of: whose key it is: ``"caller"`` or ``"target"``.
    :param value: ``None`` if no entry has the key.
    :param entry: name of the entry that gives it.
    :param source: where that comes from: ``"file"`` or ``"run time"``.
    """

    key: str
    of: str
    value: Any = None
    entry: str | None = None
    source: str | None = None


class Explanation(Struct, frozen=True):
    """What the policies say of one operation.

    :param name: target or event type.
    :param rule: what refuses it; ``None`` if it is allowed.
    :param audit: the level in force.
    :param lines: the keys that took part.
    """

    action: Action
    caller: str
    name: str
    allowed: bool
    rule: str | None
    audit: str | None
    require_actor: bool
    lines: tuple[Line, ...]

    def as_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain

    @property
    def words(self) -> str:
        """The verdict in a line."""
        if not self.allowed:
            return f"{self.caller} may not {self.action} {self.name}: {self.rule}"
        condition = " with an actor" if self.require_actor else ""
        audited = f"audited at level {self.audit}" if self.audit else "not audited"
        return f"{self.caller} may {self.action} {self.name}{condition}; {audited}"


def explain(policies: Policies, action: Action, caller: str, name: str) -> Explanation:
    """Explains what the policies say of ``caller`` invoking or publishing ``name``."""
    verdict: Verdict = (policies.for_invoke if action == "invoke" else policies.for_publish)(caller, name)
    return Explanation(
        action=action,
        caller=caller,
        name=name,
        allowed=verdict.allowed,
        rule=verdict.rule,
        audit=verdict.audit,
        require_actor=verdict.require_actor,
        lines=tuple(_lines(policies, action, caller, name)),
    )


def _lines(policies: Policies, action: Action, caller: str, name: str) -> Iterator[Line]:
    for key in (f"{action}_deny", f"{action}_allow", "audit", "require_actor"):
        yield _line(policies, key, "caller", caller)
    if action == "invoke":
        for key in ("audit", "require_actor"):
            yield _line(policies, key, "target", name, name.partition(".")[0])


def _line(policies: Policies, key: str, of: str, *names: str) -> Line:
    value, entry = policies.setting(key, *names)
    if entry is None:
        return Line(key, of)
    plain = list(value) if isinstance(value, tuple) else value
    return Line(key, of, plain, entry.name, "run time" if entry.runtime else "file")
