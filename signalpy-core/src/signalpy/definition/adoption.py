"""What exists already: a component class made out of a plain object, its public methods becoming runnables."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any, Final, get_type_hints

from signalpy.definition.decorators import component
from signalpy.definition.marks import RUNNABLE_NAME, runnable
from signalpy.errors import DefinitionError
from signalpy.matching import did_you_mean

SIGNATURES: Final = "__signalpy_signatures__"


def adopted(service: object, name: str, *, methods: Iterable[str] | None = None, version: str = "0") -> type:
    """A component class around ``service``.

    A ``def`` runs in a worker thread, an ``async def`` on the loop; the signature is the model of the parameters.

    :param methods: which methods; all public ones if not given.
    :raises DefinitionError: for a method that cannot be called by name alone, or that does not exist.
    """
    names = list(methods) if methods is not None else _public(service)
    if not names:
        raise _wrong(service, name, "it has no public method to adopt", "Name them with methods=[…]")
    signatures: dict[str, inspect.Signature] = {}
    body: dict[str, Any] = {SIGNATURES: signatures, "__doc__": inspect.getdoc(service)}
    for method in names:
        function = _method(service, name, method)
        signatures[method] = inspect.signature(function)
        body[method] = _runnable(service, name, method, function, signatures[method])
    made = component(name, version=version)(type(_title(name), (), body))
    made.__module__ = type(service).__module__
    return made


def arguments_of(cls: type, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The parameters for a runnable from a call's arguments: as the adopted signature has them, else by name.

    :raises TypeError: if they do not fit.
    """
    signature = getattr(cls, SIGNATURES, {}).get(method)
    if signature is not None:
        return dict(signature.bind(*args, **kwargs).arguments)
    if len(args) == 1 and not kwargs:
        return args[0]
    if args:
        raise TypeError(f"{method} takes its parameters by name, or one mapping")
    return kwargs


def _public(service: object) -> list[str]:
    static = ((name, inspect.getattr_static(service, name)) for name in dir(service) if not name.startswith("_"))
    return [name for name, member in static if inspect.isroutine(member) and RUNNABLE_NAME.fullmatch(name)]


def _method(service: object, component_name: str, name: str) -> Callable[..., Any]:
    function = getattr(service, name, None)
    if not callable(function):
        raise _wrong(
            service,
            component_name,
            f"it has no method {name!r}",
            f"See its methods.{did_you_mean(name, _public(service))}",
        )
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise _wrong(service, component_name, f"its method {name!r} is a generator", "Leave it out with methods=[…]")
    return function  # type: ignore[no-any-return]


def _runnable(
    service: object, component_name: str, name: str, function: Callable[..., Any], signature: inspect.Signature
) -> Callable[..., Any]:
    fields = _fields(service, component_name, name, function, signature)
    description = (inspect.getdoc(function) or "").partition("\n")[0]
    if inspect.iscoroutinefunction(function):

        async def call(_: Any, params: Any) -> Any:
            return await function(**_given(params, fields))

        return runnable(name, params=_model(component_name, name, fields), description=description)(
            _named(call, component_name, name)
        )

    def call_in_thread(_: Any, params: Any) -> Any:
        return function(**_given(params, fields))

    marked = runnable(name, params=_model(component_name, name, fields), description=description, thread=True)
    return marked(_named(call_in_thread, component_name, name))


def _fields(
    service: object, component_name: str, name: str, function: Callable[..., Any], signature: inspect.Signature
) -> dict[str, tuple[Any, Any]]:
    try:
        hints = get_type_hints(function, include_extras=True)
    except (NameError, TypeError, AttributeError):
        hints = {}
    fields = {}
    for parameter in signature.parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            fix = "Leave it out with methods=[…], or give it parameters with names"
            raise _wrong(
                service, component_name, f"its method {name!r} takes {parameter}, which cannot be given by name", fix
            )
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (hints.get(parameter.name, Any), default)
    return fields


def _model(component_name: str, method: str, fields: dict[str, tuple[Any, Any]]) -> type:
    """A model whose fields bear neutral names, so that a parameter may be called ``schema``; their aliases are real."""
    from pydantic import ConfigDict, Field, create_model

    made: dict[str, Any] = {
        f"p{at}": (kind, Field(default, alias=name)) for at, (name, (kind, default)) in enumerate(fields.items())
    }
    config = ConfigDict(arbitrary_types_allowed=True, hide_input_in_errors=True)
    return create_model(f"{_title(component_name)}_{method}", __config__=config, **made)  # type: ignore[no-any-return]


def _given(params: Any, fields: dict[str, Any]) -> dict[str, Any]:
    given = params.model_fields_set
    return {name: getattr(params, f"p{at}") for at, name in enumerate(fields) if f"p{at}" in given}


def _named(function: Callable[..., Any], component_name: str, name: str) -> Callable[..., Any]:
    function.__name__ = name
    function.__qualname__ = f"{_title(component_name)}.{name}"
    return function


def _title(name: str) -> str:
    return "".join(part.title() for part in name.split("-"))


def _wrong(service: object, name: str, problem: str, fix: str) -> DefinitionError:
    return DefinitionError(
        f"cannot adopt {type(service).__name__} as {name!r}: {problem}. {fix}.", component=name, method=None
    )
