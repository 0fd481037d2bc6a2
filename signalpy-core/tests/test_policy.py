"""Policies against a small model of their rules, and each mistake with what it tells."""

import fnmatch
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalpy.errors import PolicyError
from signalpy.kernel import Kernel, component, runnable
from signalpy.policy import Policies, stronger

Table = dict[str, Any]

COMPONENTS = ["accounts", "account", "audit-trail", "kernel"]
TARGETS = ["accounts.transfer", "accounts.balance", "account.transfer", "audit-trail.query", "accounts"]
EVENTS = ["account.transfer", "account.closed.late", "kernel.started"]
CALLER_NAMES = st.sampled_from(["accounts", "account", "audit-trail", "kernel", "*", "acc*", "account?", "[ab]*", "*s"])
TARGET_NAMES = st.sampled_from([*TARGETS, "accounts.*", "*.transfer", "acc*.t*", "[a]ccounts.transfer"])
PATTERNS = st.lists(st.sampled_from([*TARGETS, *EVENTS, "*", "acc*", "account.*", "*.transfer", "[!k]*"]), max_size=2)
LEVELS: list[Any] = [False, True, "metadata", "request", "full"]
OPEN_KEYS: dict[str, st.SearchStrategy[Any]] = {
    "audit": st.sampled_from(LEVELS),
    "require_actor": st.booleans(),
}
CALLER_KEYS: dict[str, st.SearchStrategy[Any]] = {
    f"{action}_{way}": PATTERNS for action in ("invoke", "publish") for way in ("allow", "deny")
}


def _tables(*, unset: bool) -> st.SearchStrategy[tuple[str, Table]]:
    def table(keys: Mapping[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Table]:
        return st.fixed_dictionaries({}, optional={k: v | st.none() if unset else v for k, v in keys.items()})

    return st.tuples(CALLER_NAMES, table({**OPEN_KEYS, **CALLER_KEYS})) | st.tuples(TARGET_NAMES, table(OPEN_KEYS))


FILES = st.lists(_tables(unset=False), max_size=4).map(dict)
CHANGES = st.lists(_tables(unset=True), max_size=5)


class Model:
    """The rules of the contract, the slow way: every key of every entry is a line, and the best line wins."""

    def __init__(self, file: dict[str, Table]) -> None:
        self.file = {name: dict(keys) for name, keys in file.items()}
        self.runtime: dict[str, Table] = {}

    def change(self, name: str, keys: Table) -> None:
        entry = self.runtime.pop(name, {})
        for key, value in keys.items():
            if value is None:
                entry.pop(key, None)
                self.file.get(name, {}).pop(key, None)
            else:
                entry[key] = value
        self.runtime[name] = entry

    def value(self, key: str, *names: str) -> Any:
        lines = []
        for runtime, layer in enumerate((self.file, self.runtime)):
            for place, (name, keys) in enumerate(layer.items()):
                if key in keys and any(fnmatch.fnmatchcase(one, name) for one in names):
                    exact = not set(name) & set("*?[")
                    literal = len(name.replace("*", "").replace("?", "").replace("[ab]", "").replace("[a]", ""))
                    lines.append((runtime, exact, literal, place, keys[key]))
        return max(lines, key=lambda line: line[:4])[4] if lines else None

    def allowed(self, action: str, caller: str, name: str) -> bool:
        denied, allow = self.value(f"{action}_deny", caller), self.value(f"{action}_allow", caller)
        if denied is not None and any(fnmatch.fnmatchcase(name, pattern) for pattern in denied):
            return False
        return allow is None or any(fnmatch.fnmatchcase(name, pattern) for pattern in allow)

    def level(self, *groups: tuple[str, ...]) -> str | None:
        order = [None, "metadata", "request", "full"]
        found = [self.value("audit", *names) for names in groups]
        plain = ["request" if level is True else level or None for level in found]
        return max(plain, key=order.index)

    def needs_actor(self, *groups: tuple[str, ...]) -> bool:
        return any(self.value("require_actor", *names) for names in groups)


@given(FILES, CHANGES, st.sampled_from(COMPONENTS), st.sampled_from(TARGETS))
def test_an_invocation_is_judged_as_the_rules_say(
    file: dict[str, Table], changes: list[tuple[str, Table]], caller: str, target: str
) -> None:
    """Specificity key by key, run time over file, deny over allow; of caller and target the higher counts."""
    model, policies = Model(file), Policies(file)
    for name, keys in changes:
        model.change(name, keys)
        policies = policies.with_entry(name, keys)
    verdict = policies.for_invoke(caller, target)
    groups = ((caller,), (target, target.partition(".")[0]))
    assert model.allowed("invoke", caller, target) is verdict.allowed
    assert verdict.allowed is (verdict.rule is None)
    assert model.level(*groups) == verdict.audit
    assert model.needs_actor(*groups) is verdict.require_actor


@given(FILES, CHANGES, st.sampled_from(COMPONENTS), st.sampled_from(EVENTS))
def test_a_publication_is_judged_as_the_rules_say(
    file: dict[str, Table], changes: list[tuple[str, Table]], caller: str, event: str
) -> None:
    """What may be published, and how it is audited, is the caller's affair alone."""
    model, policies = Model(file), Policies(file)
    for name, keys in changes:
        model.change(name, keys)
        policies = policies.with_entry(name, keys)
    verdict = policies.for_publish(caller, event)
    assert model.allowed("publish", caller, event) is verdict.allowed
    assert model.level((caller,)) == verdict.audit
    assert model.needs_actor((caller,)) is verdict.require_actor


@given(FILES, CHANGES, FILES)
def test_what_is_in_force_can_be_read(
    file: dict[str, Table], changes: list[tuple[str, Table]], other: dict[str, Table]
) -> None:
    """``entries`` shows each key under its name, as a file would say it, and ``audit = true`` as the level it means."""
    model, policies = Model(file), Policies(file)
    for name, keys in changes:
        model.change(name, keys)
        policies = policies.with_entry(name, keys)
    merged = {name: {**model.file.get(name, {}), **model.runtime.get(name, {})} for name in {**file, **model.runtime}}
    for keys in merged.values():
        if keys.get("audit") is True:
            keys["audit"] = "request"
    assert {name: keys for name, keys in merged.items() if keys} == policies.entries()


@given(FILES, CHANGES, st.sampled_from(COMPONENTS), st.sampled_from(TARGETS))
def test_policies_read_back_from_what_they_show_judge_alike(
    file: dict[str, Table], changes: list[tuple[str, Table]], caller: str, target: str
) -> None:
    """Run-time entries given anew over an empty file judge as they did, since ``entries`` leaves nothing out."""
    policies = Policies()
    for name, keys in changes:
        policies = policies.with_entry(name, keys)
    again = Policies()
    for name in _latest_last(changes):
        if name in policies.entries():
            again = again.with_entry(name, policies.entries()[name])
    one, other = policies.for_invoke(caller, target), again.for_invoke(caller, target)
    assert (one.allowed, one.rule, one.audit, one.require_actor) == (
        other.allowed,
        other.rule,
        other.audit,
        other.require_actor,
    )


def _latest_last(changes: list[tuple[str, Table]]) -> list[str]:
    return list(dict.fromkeys(name for name, _ in reversed(changes)))[::-1]


@given(FILES, FILES, CHANGES, st.sampled_from(COMPONENTS), st.sampled_from(TARGETS))
def test_run_time_entries_outlive_a_reload(
    file: dict[str, Table], other: dict[str, Table], changes: list[tuple[str, Table]], caller: str, target: str
) -> None:
    """Over another file the run-time values stay in force as if they had been set over that file."""
    set_only = [(name, {key: value for key, value in keys.items() if value is not None}) for name, keys in changes]
    reloaded, fresh = Policies(file), Policies(other)
    for name, keys in set_only:
        reloaded, fresh = reloaded.with_entry(name, keys), fresh.with_entry(name, keys)
    reloaded = reloaded.with_file(other)
    assert fresh.entries() == reloaded.entries()
    one, two = fresh.for_invoke(caller, target), reloaded.for_invoke(caller, target)
    assert (one.allowed, one.rule, one.audit) == (two.allowed, two.rule, two.audit)


def test_a_key_that_was_unset_stays_unset_after_a_reload() -> None:
    """``None`` outranks the file's key of the same entry, also when the file is read again."""
    file: dict[str, Table] = {"accounts": {"audit": "full", "require_actor": True}}
    policies = Policies(file).with_entry("accounts", {"audit": None})
    assert {"accounts": {"require_actor": True}} == policies.entries()
    assert {"accounts": {"require_actor": True}} == policies.with_file(file).entries()


def test_a_change_leaves_the_policies_it_started_from_alone() -> None:
    """Policies are values: an operation that holds the old ones sees nothing of the new."""
    old = Policies({"a": {"audit": True}})
    new = old.with_entry("a", {"audit": False})
    assert ("request", None) == (old.for_publish("a", "e").audit, new.for_publish("a", "e").audit)


@pytest.mark.parametrize(
    ("keys", "target", "rule"),
    [
        ({"invoke_deny": ["x.*"]}, "x.y", 'policy "a*": invoke_deny "x.*"'),
        ({"invoke_allow": []}, "x.y", 'policy "a*": not in invoke_allow'),
        ({"invoke_allow": ["x.y"], "invoke_deny": ["*"]}, "x.y", 'policy "a*": invoke_deny "*"'),
    ],
)
def test_a_refusal_names_the_rule(keys: Table, target: str, rule: str) -> None:
    """The verdict says which entry and which pattern refused."""
    assert rule == Policies({"a*": keys}).for_invoke("ab", target).rule


def test_an_operation_without_an_actor_is_refused_where_one_is_required() -> None:
    """``require_actor`` turns an allowed verdict into a refusal and leaves the audit level as it is."""
    verdict = Policies({"a": {"require_actor": True, "audit": "full"}}).for_invoke("b", "a.x")
    assert verdict.allowed
    without = verdict.without_actor()
    assert (False, "require_actor", "full") == (without.allowed, without.rule, without.audit)


def test_a_refusal_for_another_reason_keeps_that_reason() -> None:
    """What is denied anyway is denied for that, with or without an actor."""
    verdict = Policies({"b": {"require_actor": True, "invoke_deny": ["*"]}}).for_invoke("b", "a.x")
    assert verdict is verdict.without_actor()


@given(st.sampled_from([None, "metadata", "request", "full"]), st.sampled_from([None, "metadata", "request", "full"]))
def test_of_two_levels_the_higher_counts(one: str | None, other: str | None) -> None:
    """``None`` is the lowest; the order is metadata, request, full."""
    order = [None, "metadata", "request", "full"]
    assert order[max(order.index(one), order.index(other))] == stronger(one, other)


MISTAKES: list[tuple[Any, Any, Any, tuple[str, ...]]] = [
    ("accounts", {"audti": True}, "audti", ("'audti'", "Did you mean 'audit'")),
    ("accounts", {"invoke_alow": []}, "invoke_alow", ("'invoke_alow'", "'invoke_allow'")),
    ("accounts", {"xyzzy": 1}, "xyzzy", ("'xyzzy'", "Known keys: audit, invoke_allow")),
    ("accounts", {7: 1}, 7, ("unknown key 7", "Known keys")),
    ("accounts", {"audit": "fulll"}, "audit", ("audit must be", '"full"', "'fulll'")),
    ("accounts", {"audit": 1}, "audit", ("audit must be", "found 1")),
    ("accounts", {"audit": 0}, "audit", ("audit must be", "found 0")),
    ("accounts", {"audit": ["full"]}, "audit", ("audit must be", "found list")),
    ("accounts", {"audit": {"level": "full"}}, "audit", ("audit must be", "found dict")),
    ("accounts", {"require_actor": "yes"}, "require_actor", ("true or false", "'yes'")),
    ("accounts", {"require_actor": 1}, "require_actor", ("true or false", "found 1")),
    ("accounts", {"invoke_allow": "x.*"}, "invoke_allow", ("a list of patterns", "'x.*'")),
    ("accounts", {"invoke_deny": [1]}, "invoke_deny", ("a list of patterns", "found list")),
    ("accounts", {"publish_allow": {"x": 1}}, "publish_allow", ("a list of patterns", "found dict")),
    ("accounts", {"publish_deny": True}, "publish_deny", ("a list of patterns", "found True")),
    ("accounts.transfer", {"invoke_allow": []}, "invoke_allow", ("belongs to a caller", "Put it under")),
    ("accounts", ["audit"], None, ("expected a table", "list")),
    ("accounts", "audit", None, ("expected a table", "str")),
    ("", {"audit": True}, None, ("a name must be",)),
    (None, {"audit": True}, None, ("a name must be", "NoneType")),
]


@pytest.mark.parametrize(("name", "keys", "key", "told"), MISTAKES)
def test_each_mistake_names_entry_key_and_what_would_be_right(
    name: Any, keys: Any, key: Any, told: tuple[str, ...]
) -> None:
    """Every mistake is a ``PolicyError``, one line, with the place as evidence; at run time as in the file."""
    for at_run_time in (False, True):
        with pytest.raises(PolicyError) as found:
            Policies().with_entry(name, keys) if at_run_time else Policies({name: keys})
        assert isinstance(found.value, ValueError)
        assert (name, key) == (found.value.__dict__["entry"], found.value.__dict__["key"])
        message = str(found.value)
        assert "\n" not in message
        assert name is None or name in message
        assert [] == [part for part in told if part not in message]


@component("accounts", version="1.0")
class Accounts:
    """A component to be called."""

    @runnable("transfer")
    async def transfer(self) -> str:
        return "done"


@pytest.mark.parametrize(("name", "keys", "key", "told"), MISTAKES)
async def test_a_mistake_leaves_the_old_policy_in_force(name: Any, keys: Any, key: Any, told: tuple[str, ...]) -> None:
    """A running kernel refuses the whole change, also the keys of it that are right, and goes on as before."""
    with_right_ones = {"require_actor": True, **keys} if isinstance(keys, dict) else keys
    kernel = Kernel(config={"policy": {"accounts": {"audit": "full"}}}, policies={"accounts": {"audit": "metadata"}})
    kernel.discover([Accounts])
    async with kernel:
        rt_policies = kernel.get("config").rt.policies
        before = rt_policies()
        with pytest.raises(PolicyError):
            kernel.set_policy(name, with_right_ones)
        assert before == rt_policies() == {"accounts": {"audit": "metadata"}}
        assert "done" == await kernel.bus.invoke("accounts.transfer")


def test_a_lists_later_change_by_its_owner_changes_no_policy() -> None:
    """The policies keep their own copy of what they were given, and hand out copies."""
    allow = ["x.*"]
    policies = Policies({"a": {"invoke_allow": allow}})
    allow.append("*")
    policies.entries()["a"]["invoke_allow"].append("*")
    assert not policies.for_invoke("a", "y.z").allowed
