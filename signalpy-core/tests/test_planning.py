"""The order of activation, against a reference that tries the rules one by one."""

from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalpy.definition import ComponentSpec, Dependency, HookSpec, Requirement
from signalpy.hookspecs import HookOptions
from signalpy.kernel.planning import plan

CONTRACTS = ["IOne", "ITwo", "IThree"]
_RARE = st.integers(0, 2).map(lambda number: number == 0)


def _spec(
    name: str,
    *,
    depends: Iterable[str] = (),
    provides: Iterable[str] = (),
    requires: Iterable[str] = (),
    wants: Iterable[str] = (),
    every: Iterable[str] = (),
    hook: str | None = None,
) -> ComponentSpec:
    wanted = [Requirement(f"r{contract}", contract) for contract in requires]
    wanted += [Requirement(f"o{contract}", contract, optional=True) for contract in wants]
    wanted += [Requirement(f"m{contract}", contract, many=True) for contract in every]
    return ComponentSpec(
        cls=object,
        name=name,
        version="1",
        depends=tuple(Dependency(other) for other in depends),
        provides=tuple(provides),
        requires=tuple(wanted),
        hooks=(HookSpec(hook, hook, HookOptions()),) if hook else (),
    )


@st.composite
def _specs(draw: st.DrawFn) -> list[ComponentSpec]:
    names = draw(st.permutations(list("abcdefg")))
    some = st.sets(st.sampled_from(CONTRACTS), max_size=1)
    return [
        _spec(
            name,
            depends=sorted(draw(st.sets(st.sampled_from([*"abcdefg", "absent"]), max_size=2))) if draw(_RARE) else (),
            provides=sorted(draw(some)),
            requires=sorted(draw(some)) if draw(_RARE) else (),
            wants=sorted(draw(some)),
            every=sorted(draw(some)),
            hook=draw(st.sampled_from([None, None, "signalpy_record", "signalpy_invoke", "signalpy_dead_letter"])),
        )
        for name in names
    ]


def _needs(specs: list[ComponentSpec]) -> dict[str, set[str]]:
    """For each component those without which it cannot start, told from the rules of the contract."""
    here = {spec.name for spec in specs}
    found = {}
    for spec in specs:
        providers = {
            other.name
            for wanted in spec.requires
            if not wanted.optional and not wanted.many
            for other in specs
            if wanted.contract in other.provides and other.name != spec.name
        }
        found[spec.name] = (providers | {item.name for item in spec.depends}) & here
    return found


def _all_needs(name: str, needs: dict[str, set[str]]) -> set[str]:
    """What ``name`` needs, and what that needs, and so on."""
    found: set[str] = set()
    todo = [name]
    while todo:
        for other in needs[todo.pop()]:
            if other not in found:
                found.add(other)
                todo.append(other)
    return found


@given(_specs())
def test_whatever_a_component_needs_stands_before_it(specs: list[ComponentSpec]) -> None:
    """Everything that is in the order stands behind all that it depends on and all providers of what it requires."""
    order = plan(specs).order
    needs = _needs(specs)
    for place, name in enumerate(order):
        assert needs[name] & set(order) <= set(order[:place])


@given(_specs())
def test_every_component_is_planned_or_in_a_cycle(specs: list[ComponentSpec]) -> None:
    """None is lost and none doubled; those that are left out each need themselves in the end."""
    found = plan(specs)
    needs = _needs(specs)
    assert sorted(spec.name for spec in specs) == sorted([*found.order, *found.cycles])
    for name in found.cycles:
        assert name in _all_needs(name, needs)


@given(_specs())
def test_cycles_are_named_in_full(specs: list[ComponentSpec]) -> None:
    """A component's cycle holds it, goes from each to one that it needs, and ends where it began."""
    needs = _needs(specs)
    for name, cycle in plan(specs).cycles.items():
        assert name in cycle
        assert cycle[0] == cycle[-1]
        assert all(other in needs[one] for one, other in pairwise(cycle))


@given(_specs())
def test_recorders_and_interceptors_come_first_after_what_they_need(specs: list[ComponentSpec]) -> None:
    """Nothing that no ring needs stands before a ring, whatever optional services there are."""
    found = plan(specs)
    left = [spec for spec in specs if spec.name in found.order]
    needs = _needs(left)
    rings = {spec.name for spec in left if spec.rings}
    early = rings.union(*(_all_needs(name, needs) for name in rings))
    assert early == set(found.order[: len(early)])


@given(_specs())
def test_where_nothing_else_decides_the_order_given_is_kept(specs: list[ComponentSpec]) -> None:
    """Without optional requirements the order is the first one that the rules allow."""
    plain = [
        ComponentSpec(
            cls=spec.cls,
            name=spec.name,
            version="1",
            depends=spec.depends,
            provides=spec.provides,
            requires=tuple(item for item in spec.requires if not item.optional and not item.many),
            hooks=spec.hooks,
        )
        for spec in specs
    ]
    found = plan(plain)
    left = [spec for spec in plain if spec.name in found.order]
    needs = _needs(left)
    early = {name for spec in left if spec.rings for name in (spec.name, *_all_needs(spec.name, needs))}
    given_order = sorted((spec.name for spec in left), key=lambda name: name not in early)
    expected: list[str] = []
    while len(expected) < len(given_order):
        expected.append(next(n for n in given_order if n not in expected and needs[n] <= set(expected)))
    assert expected == found.order


def test_optional_providers_come_before_those_that_would_use_them() -> None:
    """A provider of an optional service or of one of many stands before its user, as long as that is possible."""
    specs = [
        _spec("user", wants=["IOne"], every=["ITwo"]),
        _spec("two", provides=["ITwo"]),
        _spec("one", provides=["IOne"]),
    ]
    assert ["two", "one", "user"] == plan(specs).order


def test_optional_requirements_that_go_in_a_circle_are_no_cycle() -> None:
    """Two components that would like to have each other both start."""
    specs = [_spec("a", provides=["IOne"], wants=["ITwo"]), _spec("b", provides=["ITwo"], wants=["IOne"])]
    found = plan(specs)
    assert (["a", "b"], {}) == (found.order, found.cycles)


@pytest.mark.parametrize("length", [1, 2, 3, 60])
def test_a_long_cycle_is_named_from_end_to_end(length: int) -> None:
    """Every member is told the whole way round, and what merely needs a member is not part of it."""
    names = [f"c{number}" for number in range(length)]
    specs = [_spec(name, depends=[names[(place + 1) % length]]) for place, name in enumerate(names)]
    found = plan([*specs, _spec("outside", depends=["c0"])])
    assert ["outside"] == found.order
    assert set(names) == set(found.cycles)
    for cycle in found.cycles.values():
        assert (length + 1, set(names)) == (len(cycle), set(cycle))
