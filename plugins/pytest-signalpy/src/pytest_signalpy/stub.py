"""Stubs: components made for a test, whose runnables are plain functions or values."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from signalpy import component, runnable
from signalpy.definition import spec_of
from signalpy.errors import DefinitionError

DESCRIPTION = "A stub of this test"


def stub_components(stubs: Mapping[str, Any], beside: Iterable[type]) -> list[type]:
    """A component class for each component that ``stubs`` has targets of.

    :param stubs: by target ``"component.runnable"``: a function of the parameters (a mapping, passed through as the
        caller gave it) or of none, ``def`` or ``async def``; an exception, which is raised; or the result itself.
    :param beside: the classes that may depend on them, in a range of versions that the stub then fits.
    :raises DefinitionError: for a target that is none.
    """
    by_component: dict[str, dict[str, Any]] = {}
    for target, answer in stubs.items():
        name, dot, method = str(target).partition(".")
        if not (name and dot and method):
            problem = f"stubs: expected a target such as 'accounts.transfer', found {target!r}."
            raise DefinitionError(problem, component=None, method=None)
        by_component.setdefault(name, {})[method] = answer
    ranges = _ranges(beside)
    return [_stub(name, answers, ranges.get(name, [])) for name, answers in by_component.items()]


def _stub(name: str, answers: Mapping[str, Any], ranges: list[SpecifierSet]) -> type:
    body: dict[str, Any] = {f"m{at}": _method(method, answer) for at, (method, answer) in enumerate(answers.items())}
    body["__doc__"] = DESCRIPTION + "."
    return component(name, version=_fitting(ranges))(type(f"Stub_{name.replace('-', '_')}", (), body))


def _method(name: str, answer: Any) -> Callable[..., Awaitable[Any]]:
    takes = _takes(answer)

    async def call(_: Any, params: Any) -> Any:
        if isinstance(answer, BaseException) or (isinstance(answer, type) and issubclass(answer, BaseException)):
            raise answer
        if not callable(answer):
            return copy.deepcopy(answer)
        result = answer(params) if takes else answer()
        return await result if inspect.isawaitable(result) else result

    return runnable(name, description=DESCRIPTION)(call)


def _takes(answer: Any) -> bool:
    """Whether a function takes the parameters; one that does not tell is given them."""
    if not callable(answer):
        return False
    try:
        inspect.signature(answer).bind(None)
    except TypeError:
        return False
    except ValueError:
        return True
    return True


def _ranges(classes: Iterable[type]) -> dict[str, list[SpecifierSet]]:
    found: dict[str, list[SpecifierSet]] = {}
    for cls in classes:
        for dependency in spec_of(cls).depends:
            found.setdefault(dependency.name, []).append(SpecifierSet(dependency.specifier))
    return found


def _fitting(ranges: list[SpecifierSet]) -> str:
    """A version that all ranges hold: one that they name, or the one after it."""
    named = sorted({Version(each.version.rstrip(".*")) for one in ranges for each in one})
    after = [Version(f"{version}.1") for version in named if version.is_prerelease is False]
    fits = (version for version in (Version("1.0"), *named, *after) if all(version in one for one in ranges))
    return str(next(fits, "1.0"))
