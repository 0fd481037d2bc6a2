"""What a component says of itself, and each way to say it wrongly: told where the decorator stands."""

import functools
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import pytest
from pydantic import BaseModel

from signalpy.definition import ComponentSpec, spec_of
from signalpy.definition.decorators import RT_NAMES
from signalpy.errors import DefinitionError
from signalpy.kernel import (
    Event,
    Kernel,
    component,
    hookimpl,
    lifecycle,
    optional,
    provides,
    requires,
    runnable,
    subscribe,
)


class Params(BaseModel):
    """A model of parameters."""

    amount: int


@dataclass
class Plain:
    """A dataclass does as well."""

    amount: int


class Untyped(Event):
    """An event class without a type."""


class Transfer(Event, type="account.transfer", version=2):
    """A typed event."""

    amount: int


class IBackend(Protocol):
    """A contract as a class."""


def _raised(declare: Callable[[], object]) -> DefinitionError:
    with pytest.raises(DefinitionError) as found:
        declare()
    assert isinstance(found.value, TypeError)
    assert isinstance(found.value, ValueError)
    assert "\n" not in str(found.value)
    return found.value


def _class(**arguments: Any) -> Callable[[], object]:
    def declare() -> object:
        name = arguments.pop("name", "broken")
        return component(name, **arguments)(type("Broken", (), {}))

    return declare


# Each: what is declared, words of the mistake, words of the fix.
CLASSES: list[tuple[Callable[[], object], str, str]] = [
    *(
        (_class(name=name), f"bad component name {name!r}", "lower-case letters, digits")
        for name in ("", "Accounts", "a_b", "a--b", "-a", "a-", "a.b", "a b", "é", "a\n", None, 5)
    ),
    *((_class(name=name), "taken by the kernel", "Choose another") for name in ("kernel", "plugins", "policy")),
    (lambda: component(type("Broken", (), {})), "without a name", '@component("name"'),  # type: ignore[arg-type]
    (_class(version="one.two"), "bad version 'one.two'", "PEP 440"),
    (_class(version=1.0), "bad version 1.0", "PEP 440"),
    (_class(version=None), "bad version None", "PEP 440"),
    (_class(depends="config"), "depends must be a list", "depends=['config']"),
    (_class(depends=None), "depends must be a list", "depends=["),
    (_class(depends=["a b"]), "bad entry 'a b' in depends", '"other>=1.2,<2"'),
    (_class(depends=["a>=x"]), "bad entry 'a>=x' in depends", '"other>=1.2,<2"'),
    (_class(depends=[None]), "bad entry None in depends", '"other>=1.2,<2"'),
    (_class(depends=["a[x]"]), "bad entry 'a[x]' in depends", "no extras"),
    (_class(depends=["a; python_version > '3'"]), "in depends", "no extras, markers"),
    (_class(depends=["a @ https://example.org"]), "in depends", "markers or URLs"),
    (_class(depends=["Config"]), "bad component name 'Config'", "lower-case"),
    (_class(settings={"x": 1}), "settings must be a pydantic model class", "Give a class that derives from"),
    (_class(settings=Params(amount=1)), "settings must be a pydantic model class", "Give a class that derives from"),
    (_class(settings=int), "settings must be a pydantic model class", "Give a class that derives from"),
    (_class(emits="account.*"), "emits must be a list", "emits=['account.*']"),
    (_class(emits=[5]), "bad entry 5 in emits", 'emits=["account.*"]'),
    (_class(emits=[""]), "bad entry '' in emits", 'emits=["account.*"]'),
    (_class(emits=[Untyped]), "in emits", "Event classes"),
    (lambda: provides("")(type("Broken", (), {})), "bad contract ''", "Give its name"),
    (lambda: provides(5)(type("Broken", (), {})), "bad contract 5", "Give its name"),
    (lambda: requires(a="")(type("Broken", (), {})), "bad contract ''", "Give its name"),
    (lambda: requires(a=optional(5))(type("Broken", (), {})), "bad contract 5", "Give its name"),
    (lambda: requires(a=["I", "J"])(type("Broken", (), {})), "a as a list of 2", 'a=["IContract"]'),
    (lambda: requires(a=[])(type("Broken", (), {})), "a as a list of 0", 'a=["IContract"]'),
    (lambda: requires(a={"I"})(type("Broken", (), {})), "bad contract", "Give its name"),
    (lambda: requires(a="I")(requires(a="J")(type("Broken", (), {}))), "requires 'a' twice", "Keep one"),
    (lambda: requires(_a="I")(type("Broken", (), {})), "'_a' is taken by rt", "another name"),
]


@pytest.mark.parametrize(("declare", "mistake", "fix"), CLASSES)
def test_a_mistake_on_a_class_names_class_and_fix(declare: Callable[[], object], mistake: str, fix: str) -> None:
    """A wrong class decorator fails where it stands and says which class, what is wrong and what to write."""
    error = _raised(declare)
    assert "Broken" in str(error)
    assert mistake in str(error)
    assert fix in str(error)
    assert ("Broken", None) == (error.__dict__["component"], error.__dict__["method"])


@pytest.mark.parametrize("name", sorted(RT_NAMES))
def test_no_service_hides_what_rt_offers(name: str) -> None:
    """A required service cannot take the name of anything that every ``rt`` has."""
    error = _raised(lambda: requires(**{name: "I"})(type("Broken", (), {})))
    assert f"{name!r} is taken by rt" in str(error)


async def test_every_name_of_rt_is_guarded() -> None:
    """The list of names that services may not take has every public attribute of a live ``rt``."""
    kernel = Kernel({})
    kernel.discover([])
    async with kernel:
        assert {name for name in dir(kernel.get("config").rt) if not name.startswith("_")} <= RT_NAMES


@pytest.mark.parametrize("decorate", [component("x"), requires(a="I"), provides("I")])
def test_a_class_decorator_on_a_function_is_refused(decorate: Callable[[Any], object]) -> None:
    """What stands on no class is told so instead of being lost."""

    def function() -> None: ...

    assert "Put " in str(_raised(lambda: decorate(function)))


def _on(function: Any, decorate: Callable[[Any], Any]) -> Callable[[], object]:
    """Declares ``function`` as ``Broken.method`` under a decorator."""
    inner = (
        getattr(function, "__func__", None) or getattr(function, "fget", None) or getattr(function, "func", function)
    )
    inner.__qualname__ = "Outer.<locals>.Broken.method"
    inner.__name__ = "method"
    return lambda: decorate(function)


def _none() -> None: ...
def _self(self: object) -> None: ...
def _two(self: object, a: object, b: object) -> None: ...
def _three(self: object, a: object, b: object, c: object) -> None: ...
def _four(self: object, a: object, b: object, c: object, d: object) -> None: ...
def _keyword(self: object, a: object = None, b: object = None, *, needed: object) -> None: ...
def _generator(self: object, a: object, b: object) -> Iterator[int]:
    yield 1


async def _async_generator(self: object) -> AsyncIterator[int]:
    yield 1


async def _async(self: object) -> None: ...


def _copy(function: Any) -> Any:
    """A function of its own, since decorators leave marks."""
    new = type(function)(
        function.__code__, function.__globals__, argdefs=function.__defaults__, closure=function.__closure__
    )
    new.__kwdefaults__ = function.__kwdefaults__
    return new


def _case(
    function: Any, decorate: Callable[[Any], Any], *words: str, wrap: Callable[[Any], Any] = lambda function: function
) -> tuple[Callable[[], object], tuple[str, ...]]:
    return _on(wrap(_copy(function)), decorate), words


METHODS = [
    *(
        _case(_self, runnable(name), "bad runnable name", repr(name), '@runnable("transfer")')  # type: ignore[arg-type]
        for name in ("", "a b", "a/b", ".a", "a.", "ü", None, 5)
    ),
    _case(_self, runnable, "without a name", '@runnable("transfer")'),
    _case(_two, runnable("x"), "takes (self) or (self, params)", "found (self, a, b)", "Change its parameters"),
    _case(_none, runnable("x"), "it takes no self", "plain method"),
    _case(_keyword, runnable("x"), "'needed' has no default", "Give it a default"),
    _case(_generator, runnable("x"), "generator", "Return a value"),
    _case(_async_generator, runnable("x"), "generator", "Return a value"),
    _case(_self, runnable("x"), "staticmethod", "plain method", wrap=staticmethod),
    _case(_self, runnable("x"), "classmethod", "plain method", wrap=classmethod),
    _case(_self, runnable("x"), "property", "Put it on a method", wrap=property),
    _case(_self, runnable("x"), "cached_property", "Put it on a method", wrap=cached_property),
    _case(_self, runnable("x"), "partialmethod", "Put it on a method", wrap=functools.partialmethod),
    _case(_self, runnable("x", params=Params), "takes no parameter", "Write (self, params)"),
    _case(_self, runnable("x", params=Params, thread=True), "takes no parameter", "Write (self, params)"),
    _case(_three, runnable("x", params=Params), "takes (self) or (self, params)", "Change its parameters"),
    *(
        _case(lambda self, params: None, runnable("x", params=model), "must be a model class", "params=TransferParams")
        for model in ({"amount": int}, Params(amount=1), "Params", int, list[int])
    ),
    _case(_async, runnable("x", thread=True), "thread=True stands on an async def", "Remove thread=True"),
    _case(_self, lambda function: runnable("x")(runnable("y")(function)), "a runnable already", "Keep one"),
    *(
        _case(_two, subscribe(pattern), "bad pattern", "@subscribe(", "Event class")
        for pattern in ("", None, 5, ["account.*"], Untyped, Params)
    ),
    _case(_two, subscribe, "without a pattern", '@subscribe("account.*")'),
    _case(_self, subscribe("x"), "takes two parameters, or three", "found (self)", "(self, event_type, data)"),
    _case(_four, subscribe("x"), "takes two parameters, or three", "found (self, a, b, c, d)", "event)"),
    _case(_none, subscribe("x"), "it takes no self", "plain method"),
    _case(_keyword, subscribe("x"), "'needed' has no default", "Give it a default"),
    _case(_generator, subscribe("x"), "generator", "Return a value"),
    _case(_two, subscribe("x"), "staticmethod", "plain method", wrap=staticmethod),
    _case(_two, lifecycle.activate, "activate takes (self)", "found (self, a, b)", "Change its parameters"),
    _case(_two, lifecycle.deactivate, "deactivate takes (self)", "found (self, a, b)", "Change its parameters"),
    _case(_self, lifecycle.reconfigure, "reconfigure takes (self, old, new)", "found (self)", "Change its parameters"),
    _case(_self, lifecycle.activate, "classmethod", "plain method", wrap=classmethod),
    _case(_async_generator, lifecycle.activate, "generator", "Return a value"),
    _case(_self, lifecycle.activat, "unknown lifecycle stage 'activat'", "Did you mean 'activate'"),
    _case(_self, lifecycle.start, "unknown lifecycle stage 'start'", "Known: activate, deactivate, reconfigure"),
]


@pytest.mark.parametrize(("declare", "words"), METHODS)
def test_a_mistake_on_a_method_names_class_method_and_fix(
    declare: Callable[[], object], words: tuple[str, ...]
) -> None:
    """A wrong method decorator fails where it stands and says which method of which class, the mistake and the fix."""
    error = _raised(declare)
    assert "Broken.method" in str(error)
    assert [] == [word for word in words if word not in str(error)]
    assert ("Broken", "method") == (error.__dict__["component"], error.__dict__["method"])


@pytest.mark.parametrize("stage", ["activate", "deactivate", "reconfigure"])
def test_a_stage_takes_no_parentheses(stage: str) -> None:
    """The error says how it is written."""
    error = _raised(getattr(lifecycle, stage))
    assert f"@lifecycle.{stage} stands with parentheses. Write @lifecycle.{stage}" == str(error)


def test_two_runnables_of_one_name_are_refused() -> None:
    """The error stands at the class and names both methods."""

    class Broken:
        @runnable("send")
        def first(self) -> None: ...

        @runnable("send")
        def second(self) -> None: ...

    error = _raised(lambda: component("x")(Broken))
    assert re.search(r"Broken\.second: 'send' is declared already by .*Broken\.first", str(error))
    assert ("Broken", "second") == (error.__dict__["component"], error.__dict__["method"])


def test_two_methods_of_one_stage_are_refused() -> None:
    """Also where one of them is inherited."""

    class Base:
        @lifecycle.activate
        def first(self) -> None: ...

    class Broken(Base):
        @lifecycle.activate
        def second(self) -> None: ...

    error = _raised(lambda: component("x")(Broken))
    assert re.search(r"Broken\.second: 'activate' is declared already by .*Broken\.first", str(error))


@pytest.mark.parametrize("wrap", [property, staticmethod, classmethod, cached_property, functools.partialmethod])
@pytest.mark.parametrize("mark", [runnable("x"), lifecycle.activate, hookimpl])
def test_what_is_declared_under_another_decorator_is_not_lost(wrap: Any, mark: Any) -> None:
    """A marked function inside of a property, static method or the like would never be called, so it is refused."""
    error = _raised(lambda: component("x")(type("Broken", (), {"method": wrap(mark(_copy(_self)))})))
    assert "Broken.method" in str(error)
    assert "plain method" in str(error)
    assert ("Broken", "method") == (error.__dict__["component"], error.__dict__["method"])


@pytest.mark.parametrize("thing", [object(), lambda: None, b"accounts", None])
def test_what_is_no_class_is_no_component(thing: Any) -> None:
    """``discover`` is told what it was given instead of a class."""
    assert "expected a component class" in str(_raised(lambda: Kernel().discover([thing])))


def test_a_class_without_the_decorator_is_no_component() -> None:
    """Neither a bare class nor one whose base is a component is one itself."""

    class Bare:
        @runnable("x")
        def method(self) -> None: ...

    @component("base")
    class Base: ...

    class Derived(Base): ...

    for cls in (Bare, Derived):
        error = _raised(lambda cls=cls: spec_of(cls))  # type: ignore[misc]
        assert f"{cls.__name__} is no component. Put @component(" in str(error)


@pytest.mark.parametrize("value", ["rise", "RAISE", True])
def test_a_hook_with_an_unknown_way_to_fail_is_refused(value: Any) -> None:
    """``on_error`` has three values."""
    with pytest.raises(ValueError, match="on_error must be 'raise', 'isolate' or 'deny'"):
        hookimpl(on_error=value)


@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_a_hook_with_an_impossible_timeout_is_refused(value: float) -> None:
    """A timeout is a positive number of seconds."""
    with pytest.raises(ValueError, match="positive number of seconds"):
        hookimpl(timeout=value)


def _spec(cls: type) -> ComponentSpec:
    return spec_of(component("x", version="1.0")(cls))


def test_everything_that_is_declared_is_recorded() -> None:
    """The record of a class holds each declaration in its order, bases first."""

    class Base:
        @runnable("first")
        def first(self) -> None: ...

    @component(
        "accounts",
        version="1.0",
        depends=["config", "other>=1.2,<2"],
        settings=Params,
        emits=["a.*", Transfer],
        exclusive=True,
    )
    @provides("IAccounts", IBackend)
    @requires(config="IConfig", cache=optional("ICache"), backends=[IBackend])
    class Accounts(Base):
        """Keeps accounts.

        More words.
        """

        @subscribe(Transfer, background=True, description="d")
        async def on_transfer(self, event_type: str, data: Transfer, event: object) -> None: ...

        @lifecycle.activate
        async def start(self) -> None: ...

        @runnable("second", params=Plain, description="second one", thread=True)
        def second(self, params: Plain) -> None: ...

        @hookimpl(targets="x.*")
        async def signalpy_invoke(self, call: object, proceed: Callable[..., Awaitable[Any]]) -> Any: ...

    spec = spec_of(Accounts)
    assert ("accounts", "1.0", True, Params, "Keeps accounts.") == (
        spec.name,
        spec.version,
        spec.exclusive,
        spec.settings,
        spec.description,
    )
    assert [("config", ""), ("other", "<2,>=1.2")] == [(item.name, item.specifier) for item in spec.depends]
    assert ("a.*", "account.transfer") == spec.emits
    assert ("IAccounts", "IBackend") == spec.provides
    assert [
        ("config", "IConfig", False, False),
        ("cache", "ICache", True, False),
        ("backends", "IBackend", False, True),
    ] == [(item.attr, item.contract, item.optional, item.many) for item in spec.requires]
    assert [("first", None, False, False), ("second", Plain, True, True)] == [
        (item.name, item.params, item.thread, item.takes_params) for item in spec.runnables
    ]
    subscription = spec.subscriptions[0]
    assert ("account.transfer", True, True, True, Transfer) == (
        subscription.pattern,
        subscription.background,
        subscription.is_async,
        subscription.takes_event,
        subscription.event_class,
    )
    assert ["activate"] == list(spec.stages)
    assert [("signalpy_invoke", ("x.*",))] == [(item.hook, item.options.targets) for item in spec.hooks]
    assert spec.rings


def test_a_subclass_says_anew_what_its_methods_are() -> None:
    """An overriding method counts as it is decorated itself, in the place of the one that it overrides."""

    class Base:
        @runnable("one")
        def one(self) -> None: ...

        @runnable("two")
        def two(self) -> None: ...

    class Derived(Base):
        @runnable("uno")
        def one(self) -> None: ...

        def two(self) -> None: ...

    assert ["uno"] == [item.name for item in _spec(Derived).runnables]


def test_def_and_async_def_are_told_apart() -> None:
    """Also through a wrapper that keeps the wrapped function's name."""

    def passing(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapper(*arguments: Any) -> Any:
            return function(*arguments)

        return wrapper

    class Both:
        @runnable("plain")
        def plain(self) -> None: ...

        @runnable("async")
        async def other(self) -> None: ...

        @runnable("wrapped")
        @passing
        async def wrapped(self) -> None: ...

    assert {"plain": False, "async": True, "wrapped": True} == {i.name: i.is_async for i in _spec(Both).runnables}


async def test_a_method_is_called_by_the_name_that_the_class_has_for_it() -> None:
    """A wrapper without the wrapped function's name, a lambda and a private method are called all the same."""

    def renaming(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def wrapper(self: Any) -> Any:
            return function(self)

        return wrapper

    @component("odd", version="1.0")
    class Odd:
        @runnable("wrapped")
        @renaming
        def first(self) -> str:
            return "wrapped"

        second = runnable("lambda")(lambda self: "lambda")

        @runnable("private")
        def __third(self) -> str:
            return "private"

    kernel = Kernel({})
    kernel.discover([Odd])
    async with kernel:
        for name in ("wrapped", "lambda", "private"):
            assert name == await kernel.bus.invoke(f"odd.{name}")


@pytest.mark.parametrize(
    ("method", "takes_event"),
    [
        (lambda self, event_type, data: None, False),
        (lambda self, event_type, data, event: None, True),
        (lambda self, event_type, data, event=None: None, True),
        (lambda self, event_type, data, third: None, True),
        (lambda self, event_type, data, bound=3: None, False),
        (lambda self, *everything: None, False),
    ],
)
def test_a_third_parameter_asks_for_the_publication(method: Any, takes_event: bool) -> None:
    """A third parameter without a default, or called ``event``, gets the publication; any other keeps its own."""
    spec = _spec(type("Listener", (), {"method": subscribe("x")(method)}))
    assert takes_event is spec.subscriptions[0].takes_event


def test_declaring_runs_no_property() -> None:
    """Reading a class looks at its attributes without asking them for anything."""

    class Trap:
        def __get__(self, instance: object, owner: object = None) -> object:
            raise AssertionError("it was run")

    class Quiet:
        trap = Trap()

        @property
        def other(self) -> object:
            raise AssertionError("it was run")

    assert () == _spec(Quiet).runnables
