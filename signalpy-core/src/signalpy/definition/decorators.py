"""The decorators for classes: ``component``, ``provides``, ``requires``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from signalpy.definition.spec import Dependency, Requirement, declaration, read_methods
from signalpy.errors import DefinitionError
from signalpy.naming import COMPONENT_NAME, RESERVED

C = TypeVar("C", bound=type)


@dataclass(frozen=True, slots=True)
class OptionalContract:
    """A contract that may have no provider."""

    contract: Any


def optional(contract: Any) -> OptionalContract:
    """``@requires(cache=optional("ICache"))``: the attribute is ``None`` while nobody provides it."""
    return OptionalContract(contract)


def component(
    name: str,
    version: str = "0",
    *,
    depends: Iterable[str] = (),
    settings: type | None = None,
    emits: Iterable[Any] = (),
    exclusive: bool = False,
) -> Callable[[C], C]:
    """Declares a class as the component ``name``.

    :param name: ``[a-z0-9]+(-[a-z0-9]+)*``; ``kernel``, ``plugins`` and ``policy`` are taken.
    :param version: the component's own version (PEP 440), which is not that of its distribution.
    :param depends: components that must be active first, each with an optional range of their own versions:
        ``"other>=1.2,<2"``.
    :param settings: pydantic model of the component's own configuration table; an instance becomes ``rt.settings``.
    :param emits: patterns of the events that it publishes, or ``Event`` classes; for ``describe`` and ``graph``.
        What it may publish is for a policy to say.
    :param exclusive: two instances cannot live at once, so a replacement starts only after the old one has stopped.
    :raises DefinitionError: naming the class, the mistake and the fix.
    """
    if isinstance(name, type):
        raise _wrong(name, "@component stands without a name", 'Write @component("name", version="1.0")')

    def decorate(cls: C) -> C:
        if not isinstance(cls, type):
            raise DefinitionError(
                f"@component stands on a {type(cls).__name__}. Put it on a class.", component=None, method=None
            )
        check_name(cls, name)
        declared = {
            "name": name,
            "version": _version(cls, version),
            "depends": tuple(_dependency(cls, text) for text in _several(cls, "depends", depends)),
            "settings": _settings(cls, settings),
            "emits": tuple(_event_pattern(cls, item) for item in _several(cls, "emits", emits)),
            "exclusive": bool(exclusive),
        }
        read_methods(cls)
        declaration(cls).component = declared
        return cls

    return decorate


def provides(*contracts: Any) -> Callable[[C], C]:
    """Declares that the instance serves as a provider of each contract (a text, or a ``Protocol`` class).

    A class goes by its name. Whether the instance fits it is for a type checker to say, not for the kernel.
    """

    def decorate(cls: C) -> C:
        own = declaration(cls)
        own.provides += [_contract(cls, contract) for contract in contracts]
        return cls

    return decorate


def requires(**services: Any) -> Callable[[C], C]:
    """Declares services that are injected as ``rt.<attr>`` before ``activate``.

    ``config="IConfig"`` asks for one provider, ``cache=optional("ICache")`` for one or ``None``, and
    ``backends=["IBackend"]`` for a tuple of all.
    """

    def decorate(cls: C) -> C:
        own = declaration(cls)
        for attr, wanted in services.items():
            if attr in own.requires:
                raise _wrong(cls, f"requires {attr!r} twice", "Keep one")
            own.requires[attr] = _requirement(cls, attr, wanted)
        return cls

    return decorate


def check_name(cls: type | None, name: Any) -> None:
    """:raises DefinitionError: if ``name`` cannot name a component."""
    if not isinstance(name, str) or not COMPONENT_NAME.fullmatch(name):
        raise _wrong(cls, f"bad component name {name!r}", 'Use lower-case letters, digits and "-", e.g. "audit-trail"')
    if name in RESERVED:
        raise _wrong(cls, f"the component name {name!r} is taken by the kernel", "Choose another")


def _requirement(cls: type, attr: str, wanted: Any) -> Requirement:
    if attr.startswith("_") or attr in RT_NAMES:
        raise _wrong(cls, f"the service attribute {attr!r} is taken by rt itself", "Choose another name for it")
    if isinstance(wanted, OptionalContract):
        return Requirement(attr, _contract(cls, wanted.contract), optional=True)
    if isinstance(wanted, list | tuple):
        if len(wanted) != 1:
            raise _wrong(
                cls, f"requires {attr} as a list of {len(wanted)}", f'Write {attr}=["IContract"] for all its providers'
            )
        return Requirement(attr, _contract(cls, wanted[0]), many=True)
    return Requirement(attr, _contract(cls, wanted))


RT_NAMES: Final = frozenset(
    {
        "name",
        "version",
        "distribution",
        "settings",
        "log",
        "invoke",
        "publish",
        "invoke_sync",
        "publish_sync",
        "create_task",
        "inventory",
        "policies",
        "services",
        "targets",
    }
)
"""What ``rt`` offers itself; no service may hide it."""


def _contract(cls: type, contract: Any) -> str:
    name = contract.__name__ if isinstance(contract, type) else contract
    if not isinstance(name, str) or not name:
        raise _wrong(cls, f"bad contract {contract!r}", 'Give its name, e.g. "IConfig", or its class')
    return name


def _version(cls: type, text: Any) -> str:
    from packaging.version import InvalidVersion, Version

    try:
        Version(text)
    except (InvalidVersion, TypeError):
        raise _wrong(cls, f"bad version {text!r}", 'Use a PEP 440 version, e.g. "1.0"') from None
    return str(text)


def _dependency(cls: type, text: Any) -> Dependency:
    from packaging.requirements import InvalidRequirement
    from packaging.requirements import Requirement as Parsed

    try:
        parsed = Parsed(text)
    except (InvalidRequirement, TypeError):
        raise _wrong(cls, f"bad entry {text!r} in depends", 'Write "other" or "other>=1.2,<2"') from None
    if parsed.extras or parsed.marker or parsed.url:
        raise _wrong(cls, f"bad entry {text!r} in depends", "Components have no extras, markers or URLs")
    check_name(cls, parsed.name)
    return Dependency(parsed.name, str(parsed.specifier))


def _settings(cls: type, model: Any) -> Any:
    if model is not None and not (isinstance(model, type) and hasattr(model, "model_validate")):
        raise _wrong(
            cls,
            f"settings must be a pydantic model class, found {model!r}",
            "Give a class that derives from pydantic.BaseModel",
        )
    return model


def _event_pattern(cls: type, item: Any) -> str:
    text = getattr(item, "event_type", None) if isinstance(item, type) else item
    if not isinstance(text, str) or not text:
        raise _wrong(cls, f"bad entry {item!r} in emits", 'Give patterns, e.g. emits=["account.*"], or Event classes')
    return text


def _several(cls: type, key: str, value: Any) -> Iterable[Any]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise _wrong(cls, f"{key} must be a list, found {value!r}", f"Write {key}=[{value!r}]")
    return value


def _wrong(cls: type | None, problem: str, fix: str) -> DefinitionError:
    where = cls.__qualname__ if cls is not None else "component"
    return DefinitionError(f"{where}: {problem}. {fix}.", component=getattr(cls, "__name__", None), method=None)
