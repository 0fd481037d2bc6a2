"""What the environment says of the configuration: ``SIGNALPY__AUDIT_TRAIL__STORE=…`` sets ``audit-trail.store``.

Two underscores part the names. A part written in capitals is read in lower case, any other as it stands. A key that is
there already is found whatever its case, and with ``-`` or ``_``. Otherwise ``_`` stays in a key and becomes ``-``
where the name of a component is expected, which has no underscore: ``SIGNALPY__POLICY__AUDIT_TRAIL__AUDIT`` belongs to
the entry ``audit-trail``. A value is read as TOML; what is not TOML is a text. A name that no shell takes in a variable
goes into a value: ``SIGNALPY__POLICY='{"*" = {audit = true}}'``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from signalpy.errors import ConfigError

DEFAULT_FILE: Final = "signalpy.toml"
PREFIX: Final = "SIGNALPY__"


def applied(tree: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """A copy of ``tree`` with the variables in it, and for each dotted key that was set, the variable that set it.

    The shorter name comes first: ``SIGNALPY__POLICY`` sets a table, ``SIGNALPY__POLICY__ACCOUNTS__AUDIT`` a key in it.

    :raises ConfigError: naming the variable that fits nothing.
    """
    result = _tables(tree)
    variables: dict[str, str] = {}
    set_here = {name: name.removeprefix(PREFIX).split("__") for name in environ if name.startswith(PREFIX)}
    for name, parts in sorted(set_here.items(), key=lambda item: (len(item[1]), item[0])):
        path = _put(result, name, parts, value_of(environ[name]))
        key = ".".join(path)
        if key in variables:
            raise ConfigError(f"{name}: {variables[key]} sets {key} too. Remove one of them.", key=key)
        variables[key] = name
    return result, variables


def value_of(text: str) -> Any:
    """``text`` read as a TOML value, or itself if it is none."""
    import tomllib

    try:
        read = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return read["value"] if len(read) == 1 else text


def _put(tree: dict[str, Any], variable: str, parts: list[str], value: Any) -> list[str]:
    """Sets ``value`` at ``parts``; the path at which it was set."""
    if not all(parts):
        raise ConfigError(f"{variable}: expected {PREFIX}<TABLE>__<KEY>, found an empty name", key=None)
    path: list[str] = []
    table = tree
    for part in parts[:-1]:
        path.append(_key(table, path, part, variable))
        below = table.setdefault(path[-1], {})
        if not isinstance(below, dict):
            key = ".".join(path)
            raise ConfigError(f"{variable}: {key} is a value and no table, so it has no key to set", key=key)
        table = below
    path.append(_key(table, path, parts[-1], variable))
    table[path[-1]] = value
    return path


def _key(table: Mapping[str, Any], path: list[str], part: str, variable: str) -> str:
    """The key of ``table`` that ``part`` means."""
    if part in table:
        return part
    alike = [key for key in table if _folded(key) == _folded(part)]
    if len(alike) > 1:
        key = ".".join([*path, part])
        raise ConfigError(f"{variable}: {part} may mean {' or '.join(alike)}. Set it in the file.", key=key)
    if alike:
        return alike[0]
    name = part.lower() if part.isupper() else part
    return _component_first(name) if path in ([], ["policy"], ["plugins", "prefer"], ["kernel", "hooks"]) else name


def _component_first(name: str) -> str:
    """``name`` with ``-`` in the component's part; what follows a dot is a runnable and keeps its underscores."""
    component, dot, rest = name.partition(".")
    return component.replace("_", "-") + dot + rest


def _folded(key: str) -> str:
    return key.lower().replace("-", "_")


def _tables(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _tables(value) if isinstance(value, Mapping) else value for key, value in tree.items()}
