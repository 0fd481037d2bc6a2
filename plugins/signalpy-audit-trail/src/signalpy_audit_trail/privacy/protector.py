"""Applies the rules to a record, before anything of it is stored. Pure but for the keys that it asks for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final, Protocol

from msgspec import UNSET, Struct

from signalpy_audit_trail import record as records
from signalpy_audit_trail.drafting import NOTHING, Seen
from signalpy_audit_trail.fieldpath import Json, Path, exact, find, parse, written
from signalpy_audit_trail.privacy import detect, marks
from signalpy_audit_trail.privacy.masking import REDACTED, Mask, masked, text_of
from signalpy_audit_trail.privacy.rules import Action, Rules, paths_of
from signalpy_audit_trail.privacy.sealed import place, sealed
from signalpy_audit_trail.privacy.sealing import DataKey
from signalpy_audit_trail.privacy.tree import Clause, Node, Rewriting, bound, decided, grow
from signalpy_audit_trail.record import Record, replaced

_NAMES_KEPT: Final = 4096
_OPEN: Final = {records.EVENT: 1, records.INVOKE: 2}
"""Of the kinds that the default is for: how many levels of their data keep the names of their fields."""

_EXEMPT: Final = frozenset({records.GAP, records.ERASURE})
"""What the trail tells of itself, and reads again."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_SHORT: Final = 4


class Keyring(Protocol):
    """What gives pseudonyms and keys."""

    def hashed(self, value: Json) -> str:
        """The hash of a value."""

    def token(self, value: Json) -> str:
        """The token of a value; from it the value can be read again."""

    def key_for(self, subject: str) -> DataKey:
        """The key in force of a subject; made if there is none."""

    def key(self, id: str) -> DataKey | None:
        """The key of an id; ``None`` if it was destroyed, or is not known."""

    def owed(self) -> Callable[[], None] | None:
        """What makes durable what was made for records that are not stored yet; ``None`` if nothing is owed."""


class Plan(Struct, frozen=True, eq=False):
    """The rules on one event type or target.

    :param root: what they say, from the record's root.
    :param encrypts: whether one of them encrypts; subjects are hashed then.
    """

    root: Node
    encrypts: bool

    def at(self, field: str) -> Node | None:
        """What they say of one field of the record."""
        return self.root.names.get(field)


class Protector:
    """Rules that are ready to be applied, compiled per event type and target.

    :param keyring: needed where a rule asks for keys.
    :param complain: told once for each field of which it is not known whose key it is to be encrypted with.
    """

    def __init__(
        self, rules: Rules, keyring: Keyring | None = None, complain: Callable[[str], None] = lambda _: None
    ) -> None:
        self.rules = rules
        self.keyring = keyring
        self._complain = complain
        self._complained: set[Clause] = set()
        by_default = frozenset(_OPEN) if rules.default is Action.REDACT else frozenset()
        self._always = by_default | ({records.ACCESS} if keyring is not None else set())
        self._plan = lru_cache(maxsize=_NAMES_KEPT)(self._compiled)

    def __repr__(self) -> str:
        return f"<Protector({len(self.rules.rules)} rules, default={self.rules.default})>"

    def looks_into(self, name: str) -> bool:
        """Whether it wants to see the values of the operations ``name``, also those that are not to be stored."""
        return self.rules.default is Action.REDACT or self._plan(name) is not None

    def concerns(self, record: Record) -> bool:
        """Whether the rules say anything of a record, or may do so of the exception that it tells of."""
        if self._plan(record.action) is not None or self.rules.detect or record.error is not None:
            return True
        return record.kind in self._always

    def owed(self) -> Callable[[], None] | None:
        """What must be done before a record that was protected here is stored."""
        return None if self.keyring is None else self.keyring.owed()

    def protect(self, record: Record, seen: Seen = NOTHING) -> Record:
        """``record`` as it may be stored."""
        if seen.carried is not None:
            return self._carried(record, seen.carried)
        plan = self._plan(record.action) if record.kind not in _EXEMPT else None
        default = self.rules.default if record.kind in _OPEN else Action.KEEP
        if record.kind == records.ACCESS and self.keyring is not None:
            record = self._asked(record)
        if plan is None and default is Action.KEEP and not self.rules.detect and not marks.of(seen.raised):
            return record
        return _Work(self, record, plan, default, seen).done()

    def mask(self, name: str, values: Json, client: Json = None) -> Mask:
        """What takes the protected values of an operation out of a text.

        :param values: in the shape of a record's ``data``.
        """
        is_call = isinstance(values, dict) and values.keys() == {"params"}
        kind = records.INVOKE if is_call else records.EVENT
        record = Record(id="", time="", recorded_at="", kind=kind, action=name, outcome="", client=client)
        default = self.rules.default
        return Mask(value for _, value in _Work(self, record, self._plan(name), default, Seen(values)).covered())

    def hashed(self, subject: str) -> str:
        """The stored form of a subject."""
        return REDACTED if self.keyring is None else self.keyring.hashed(subject)

    def subject_of(self, clause: Clause, path: Path, values: Json, record: Record) -> str | None:
        """Whose a value at ``path`` is; ``None``, once told, if that is not known."""
        if clause.subject is None:
            subject = next(iter(record.subjects), None)
        else:
            around: Json = {"data": values, "client": record.client}
            found = (value for _, value in find(around, bound(clause.subject, clause.path, path)))
            subject = next((text_of(value) for value in found if _names(value)), None)
        if subject is None and clause not in self._complained:
            self._complained.add(clause)
            whose = "its record has no subject" if clause.subject is None else f"nobody at {written(clause.subject)}"
            self._complain(f"{record.action}: {written(clause.path)} is redacted instead of encrypted: {whose}")
        return subject

    def _compiled(self, name: str) -> Plan | None:
        clauses = [
            Clause(order, path, rule.action, None if rule.subject is None else _rooted(rule.subject))
            for order, rule in enumerate(self.rules.rules)
            if rule.applies_to(name)
            for paths in paths_of(rule)
            for path in paths
        ]
        root = grow(clauses)
        return None if root is None else Plan(root, any(clause.action is Action.ENCRYPT for clause in clauses))

    def _carried(self, record: Record, id: str) -> Record:
        """A record with values of the stored record ``id``: protected already, and sealed anew for their new place."""

        def move(value: Json, path: Path) -> Json:
            parts = sealed(value)
            key = None if parts is None or self.keyring is None else self.keyring.key(parts.key)
            if parts is not None and key is not None:
                with suppress(ValueError):
                    return key.seal(parts.open(key, place(id, exact(path))), place(record.id, exact(path)))
            if isinstance(value, dict):
                return {name: move(child, (*path, name)) for name, child in value.items()}
            return [move(child, (*path, at)) for at, child in enumerate(value)] if isinstance(value, list) else value

        data = record.data if record.data is UNSET else move(record.data, ("data",))
        return replaced(record, data=data, client=move(record.client, ("client",)))

    def _asked(self, record: Record) -> Record:
        """An access, with the subject that was asked for as it is stored; nothing else of it names the subject."""
        data = record.data
        filters = data.get("filters") if isinstance(data, dict) else None
        subject = filters.get("subject") if isinstance(filters, dict) else None
        if not isinstance(data, dict) or not isinstance(filters, dict) or subject is None:
            return record
        hidden = shown_filters(filters, self.hashed(subject) if isinstance(subject, str) else REDACTED)
        error = record.error and {name: masked(part, Mask([subject])) for name, part in record.error.items()}
        return replaced(record, data={**data, "filters": hidden}, error=error)


class _Work:
    """One record under the rules."""

    def __init__(self, protector: Protector, record: Record, plan: Plan | None, default: Action, seen: Seen) -> None:
        self.protector = protector
        self.record = record
        self.plan = plan
        self.default = default
        self.seen = seen
        self.values = record.data if seen.values is None and record.data is not UNSET else seen.values
        self.open = _OPEN.get(record.kind, 0) if default is Action.REDACT else 0
        self.detects = bool(protector.rules.detect)
        self.hashes_subjects = plan is not None and plan.encrypts
        self.keys: dict[str, DataKey] = {}

    def done(self) -> Record:
        record, changed = self.record, dict[str, Any]()
        by_value = record.subjects and not self.hashes_subjects
        covered = self.covered() if by_value or record.error is not None else []
        if record.subjects:
            changed["subjects"] = self.subjects(covered)
        if record.error is not None:
            changed["error"] = self.error(record.error, Mask(value for _, value in covered))
        if record.truncated:
            changed["truncated"] = tuple(dict.fromkeys(map(self.cut, record.truncated)))
        if self.detects:
            changed["actor"] = self.scrubbed(record.actor)
            changed["on_behalf_of"] = self.scrubbed(record.on_behalf_of)
        rewriting = Rewriting(self.decide, self.rename if self.detects or self.open else None)
        if record.data is not UNSET:
            changed["data"] = rewriting.of(record.data, self.node("data"), ("data",), open_below=self.open)
        if record.client is not None:
            node, below = self.node("client"), min(1, self.open)
            changed["client"] = rewriting.of(record.client, node, ("client",), open_below=below)
        return replaced(record, **changed)

    def covered(self) -> list[tuple[Action, Json]]:
        """Every value that the rules change, stored or not."""
        found: list[tuple[Action, Json]] = []

        def note(clause: Clause | None, value: Json, _: Path) -> Json:
            action = self.default if clause is None else clause.action
            if action is not Action.KEEP and value is not None:
                found.append((action, value))
            return value

        noting = Rewriting(note)
        noting.of(self.values, self.node("data"), ("data",), open_below=self.open)
        noting.of(self.record.client, self.node("client"), ("client",), open_below=min(1, self.open))
        return found

    def decide(self, clause: Clause | None, value: Json, path: Path) -> Json:
        action = self.default if clause is None else clause.action
        if value is None:
            return None
        if action is Action.KEEP:
            return self.scrubbed(value)
        keyring = self.protector.keyring
        if action is Action.REDACT or keyring is None:
            return REDACTED
        if action is Action.HASH:
            return keyring.hashed(value)
        if action is Action.TOKENIZE:
            return keyring.token(value)
        assert clause is not None  # noqa: S101 (no default encrypts)
        key = self.key(clause, path)
        return REDACTED if key is None else key.seal(value, place(self.record.id, exact(path)))

    def key(self, clause: Clause, path: Path) -> DataKey | None:
        """The key that the value at ``path`` is encrypted with; ``None`` if it is not known whose that is."""
        subject = self.protector.subject_of(clause, path, self.values, self.record)
        if subject is None or self.protector.keyring is None:
            return None
        if subject not in self.keys:
            self.keys[subject] = self.protector.keyring.key_for(subject)
        return self.keys[subject]

    def error(self, error: dict[str, Json], mask: Mask) -> dict[str, Json]:
        """The error without the values of this operation, and of those that the exception has come through."""
        for each in (mask, *marks.of(self.seen.raised)):
            kept = ("type", "by") if each.hides_all else ()  # which class it was, and whose, is no value
            error = {name: part if name in kept else masked(part, each) for name, part in error.items()}
        marks.put(self.seen.raised, mask)

        def decide(clause: Clause | None, value: Json, path: Path) -> Json:
            is_default = clause is None and path != ("error", "message")
            return self.scrubbed(value) if is_default else self.decide(clause, value, path)

        found = Rewriting(decide).of(error, self.node("error"), ("error",), open_below=1)
        return found if isinstance(found, dict) else {"message": found}

    def subjects(self, covered: Iterable[tuple[Action, Json]]) -> tuple[str, ...]:
        """The subjects: hashed where a rule encrypts; else as the rule on the value has it that they are or hold."""
        hashed = self.protector.hashed
        if self.hashes_subjects:
            return tuple(dict.fromkeys(map(hashed, self.record.subjects)))
        node = self.node("subjects")
        ruled = [(action, text_of(value)) for action, value in covered if _names(value)]
        found: dict[str, None] = {}
        for order, subject in enumerate(self.record.subjects):
            _, clause = decided((order,), node)
            action = clause.action if clause is not None else _ruled(subject, ruled)
            found[self.subject(action, subject, ruled)] = None
        return tuple(found)

    def subject(self, action: Action, subject: str, ruled: list[tuple[Action, str]]) -> str:
        keyring = self.protector.keyring
        if action is Action.KEEP:
            return str(self.scrubbed(subject))
        if action is Action.REDACT or keyring is None:
            held = [text for _, text in ruled if text in subject]
            return Mask(held)(subject) if held else REDACTED
        return keyring.token(subject) if action is Action.TOKENIZE else keyring.hashed(subject)

    def cut(self, text: str) -> str:
        """A path at which something was left out, as far as it leads through names that are stored."""
        try:
            path = parse(text)
        except ValueError:
            return text  # the start of a key that was too long to be shown
        inside, clause = decided(path, None if self.plan is None else self.plan.root)
        action = self.default if clause is None else clause.action
        if action is Action.KEEP:
            return str(self.scrubbed(text))
        return written(inside if clause is not None else path[: max(1, len(inside), self.open + 1)])

    def rename(self, key: str, listed: bool) -> str:
        if self.default is Action.REDACT and not listed and _NAME.fullmatch(key) is None:
            return REDACTED
        return str(self.scrubbed(key))

    def scrubbed(self, value: Json) -> Json:
        return detect.scrubbed(value, REDACTED) if self.detects and detect.may_hold(value) else value

    def node(self, field: str) -> Node | None:
        return None if self.plan is None else self.plan.at(field)


def shown_filters(filters: Mapping[str, Json], subject: str) -> dict[str, Json]:
    """What is recorded of the filters of a query for somebody, or of the reason to erase somebody.

    Its cursor holds a digest of all of them.

    :param subject: as it is stored.
    """
    cursor: dict[str, Json] = {"cursor": REDACTED} if filters.get("cursor") is not None else {}
    mask = Mask([filters["subject"]])
    return {name: masked(value, mask) for name, value in filters.items()} | {"subject": subject, **cursor}


def _rooted(subject: Path) -> Path:
    return subject if subject[0] == "client" else ("data", *subject)


def _names(value: Json) -> bool:
    """Whether a value can name somebody."""
    return isinstance(value, str | int | float) and not isinstance(value, bool) and value != ""


def _ruled(subject: str, ruled: list[tuple[Action, str]]) -> Action:
    """What is done with the value that a subject is, or that it holds."""
    equal = next((action for action, text in ruled if text == subject), None)
    if equal is not None:
        return equal
    return next((action for action, text in ruled if len(text) >= _SHORT and text in subject), Action.KEEP)
