"""The configuration: one tree, from a mapping or a TOML file, with the environment over it.

The tables ``[kernel]``, ``[plugins]`` and ``[policy.<name>]`` are the kernel's; every other table belongs to the
component of that name. A configuration never changes: a reload makes a new one.

A relative path among the kernel's own settings (``kernel.socket``, ``plugins.lockfile``) starts at the folder of the
file, or at the working directory where there is no file. The settings hold it resolved; ``tree`` holds it as it was
written. What the table of a component says is the component's business.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from dataclasses import replace as _replace
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from signalpy import environment, isolation
from signalpy.environment import DEFAULT_FILE
from signalpy.errors import ConfigError, PolicyError, kind_of
from signalpy.isolation import HookSettings
from signalpy.matching import did_you_mean
from signalpy.policy import checked

Source: TypeAlias = "Mapping[str, Any] | str | os.PathLike[str] | None"
Table: TypeAlias = dict[str, Any]
S = TypeVar("S", bound=Struct)

KERNEL_TABLES: Final = ("kernel", "plugins", "policy")


class KernelSettings(Struct, frozen=True):
    """The table ``[kernel]``.

    :param shutdown_deadline: seconds that running operations get at shutdown before they are cancelled.
    :param queue_size: events that wait for one background subscriber.
    :param queue_wait: seconds that a publisher waits for a place in a full queue.
    :param socket: path of the socket at which a running process answers; ``None`` for no socket.
    :param blocked_after: seconds for which code may keep the event loop busy before it is named; 0 for ever.
    :param hooks: what a failing or slow interceptor does, by component, where its author is not to say it.
    """

    shutdown_deadline: Annotated[float, Meta(ge=0, le=86_400)] = 10.0
    queue_size: Annotated[int, Meta(ge=1, le=10_000_000)] = 1000
    queue_wait: Annotated[float, Meta(ge=0, le=86_400)] = 5.0
    socket: Annotated[str, Meta(min_length=1)] | None = None
    blocked_after: Annotated[float, Meta(ge=0, le=86_400)] = 5.0
    hooks: dict[str, HookSettings] = {}


class PluginSettings(Struct, frozen=True):
    """The table ``[plugins]``: what may load.

    :param allow: patterns on canonical distribution names or component names.
    :param deny: such patterns; deny beats allow.
    :param required: components without which nothing starts.
    :param prefer: component or contract name to the distribution or component that settles a collision.
    :param lock: whether installed distributions are compared with the lock file.
    :param lockfile: path of the lock file.
    """

    allow: tuple[str, ...] = ("*",)
    deny: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    prefer: dict[str, str] = {}
    lock: Literal["off", "warn", "enforce"] = "off"
    lockfile: Annotated[str, Meta(min_length=1)] = "signalpy.lock"


class OneStart(PluginSettings, frozen=True):
    """The table ``[plugins]`` for one start in which the operator leaves something out; no file says this.

    :param without: patterns as those of ``deny``.
    :param safe: only what is built in or given by hand starts, and nothing is required.
    """

    without: tuple[str, ...] = ()
    safe: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class Configuration:
    """One configuration, checked as far as the kernel knows its keys.

    :param policy: the entries of ``[policy.<name>]``, by name.
    :param tables: every table that is not the kernel's, by component name.
    :param source: the file; ``None`` for a mapping.
    :param tree: the whole, as plain values.
    :param variables: environment variables that took part, by the dotted key that they set.
    """

    kernel: KernelSettings = field(default_factory=KernelSettings)
    plugins: PluginSettings = field(default_factory=PluginSettings)
    policy: dict[str, Table] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)
    source: Path | None = None
    tree: Table = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    def get(self, key: str, default: Any = None) -> Any:
        """A copy of the value at the dotted ``key``, ``default`` if there is none."""
        value: Any = self.tree
        for part in key.split("."):
            if not isinstance(value, Mapping) or part not in value:
                return default
            value = value[part]
        return _copied(value)

    def leaving_out(self, *, without: tuple[str, ...] = (), safe: bool = False) -> Configuration:
        """The same configuration for one start; see ``OneStart``."""
        table = {name: getattr(self.plugins, name) for name in PluginSettings.__struct_fields__}
        if safe:
            table["required"] = ()
        return _replace(self, plugins=OneStart(**table, without=without, safe=safe))

    def without_socket(self) -> Configuration:
        """The same configuration for a kernel that no operator asks, beside one that may serve there."""
        return _replace(self, kernel=replace(self.kernel, socket=None))

    def again(self) -> Configuration:
        """What its file and the environment say now, for the same start.

        :raises ConfigError: or ``PolicyError``, as ``load`` does.
        """
        new = load(self.source)
        if isinstance(self.plugins, OneStart):
            return new.leaving_out(without=self.plugins.without, safe=self.plugins.safe)
        return new

    def __repr__(self) -> str:
        source = self.source or "mapping"
        return f"<Configuration(source={source}, num_tables={len(self.tables)}, num_policies={len(self.policy)})>"

    def origin(self, table: str) -> str:
        """Where ``table`` comes from, in words: the file, an environment variable, or the mapping given."""
        variables = [name for key, name in self.variables.items() if key.split(".")[0] == table]
        if variables and self.source is None:
            return f"environment variable {variables[0]}"
        return self._from()

    def setter(self, key: str) -> str:
        """Who sets the dotted ``key``, in words: an environment variable, the file, or the mapping given."""
        set_by = [name for other, name in self.variables.items() if f"{key}.".startswith(f"{other}.")]
        return f"environment variable {set_by[-1]}" if set_by else self._from()

    def _from(self) -> str:
        return str(self.source) if self.source is not None else "the configuration given"


def load(source: Source = None, *, environ: Mapping[str, str] | None = None) -> Configuration:
    """The configuration of a mapping or a TOML file, with the variables ``SIGNALPY__…`` over it.

    :param source: ``None`` for what the environment says alone.
    :param environ: the environment; the process's own if not given.
    :raises ConfigError: one line that names file and line, or the key and the nearest known one.
    :raises PolicyError: for a wrong entry under ``policy``.
    """
    path = Path(source) if isinstance(source, str | os.PathLike) else None
    tree, variables = written(source, environ=environ)
    where = str(path) if path is not None else ""
    for name, table in tree.items():
        if not isinstance(table, dict):
            problem = _said(where, name, f"expected a table [{name}], found {kind_of(table)}", variables)
            raise PolicyError(problem, entry=None, key=name) if name == "policy" else ConfigError(problem, key=name)
    _check_hooks(tree, where, variables)
    kernel = _own("kernel", tree, KernelSettings, where, variables)
    plugins = _own("plugins", tree, PluginSettings, where, variables)
    base = path.absolute().parent if path is not None else Path()
    return Configuration(
        kernel=replace(kernel, socket=str(base / kernel.socket)) if kernel.socket is not None else kernel,
        plugins=replace(plugins, lockfile=str(base / plugins.lockfile)),
        policy={name: _entry(name, keys) for name, keys in tree.get("policy", {}).items()},
        tables={name: table for name, table in tree.items() if name not in KERNEL_TABLES},
        source=path.absolute() if path is not None else None,
        tree=tree,
        variables=variables,
    )


def written(source: Source = None, *, environ: Mapping[str, str] | None = None) -> tuple[Table, dict[str, str]]:
    """What a source says, as it is written, and the variables that took part, by the dotted key that they set.

    :param source: as for ``load``, and the environment likewise.
    :raises ConfigError: if it cannot be read.
    """
    tree = _read(Path(source)) if isinstance(source, str | os.PathLike) else _given(source)
    return environment.applied(tree, os.environ if environ is None else environ)


def component_settings(model: Any, table: Mapping[str, Any] | None, name: str) -> Any:
    """The settings of the component ``name``: an instance of its model, or a plain dictionary where it has none.

    Keys that the model does not have are an error, unless the model itself says what it does with them. A validator's
    own words may hold the value and are left out, except those of a ``ConfigError``, which by its contract never does.

    :raises ConfigError: with every wrong key, the nearest known ones, and no value.
    """
    plain = _copied(table or {})
    if model is None:
        return plain
    # Reading a configuration does not need pydantic; checking a component's table does.
    from pydantic import ValidationError

    from signalpy.settings import problems

    found = []
    try:
        return model.model_validate(plain, extra=None if "extra" in model.model_config else "forbid")
    except ValidationError as error:
        found = problems(error, model)
    # Raised outside of the handler: in a traceback the pydantic error would show the values.
    words = "; ".join(f"{key}: {problem}" if key else problem for key, problem in found)
    raise ConfigError(f"[{name}] {words}", key=found[0][0], keys=[key for key, _ in found], table=name)


def _read(path: Path) -> Table:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: this is not TOML: {error}", key=None, path=str(path)) from None
    except UnicodeDecodeError as error:
        problem = f"expected UTF-8, found another encoding at byte {error.start}"
        raise ConfigError(f"{path}: {problem}", key=None, path=str(path)) from None
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise ConfigError(f"{path}: cannot read the configuration: {reason}", key=None, path=str(path)) from error


def _given(source: object) -> Table:
    if source is None:
        return {}
    if not isinstance(source, Mapping):
        raise ConfigError(f"expected a mapping or a path to {DEFAULT_FILE}, found {type(source).__name__}", key=None)
    return _copied(source)  # type: ignore[no-any-return]


def _copied(value: Any, where: str = "") -> Any:
    """``value`` with its mappings and lists copied; what they hold besides is kept as it is."""
    if isinstance(value, Mapping):
        wrong = next((key for key in value if not isinstance(key, str)), None)
        if wrong is not None:
            problem = f"keys of the configuration are texts, found {type(wrong).__name__}"
            raise ConfigError(f"[{where}] {problem}" if where else problem, key=where or None)
        return {key: _copied(item, f"{where}.{key}" if where else key) for key, item in value.items()}
    if type(value) is list or type(value) is tuple:
        return [_copied(item, where) for item in value]
    return value


def _own(name: str, tree: Table, struct: type[S], where: str, variables: Mapping[str, str]) -> S:
    table, known = tree.get(name, {}), struct.__struct_fields__
    strange = next((key for key in table if key not in known), None)
    if strange is not None:
        hint = did_you_mean(strange, known) or f" Known keys: {', '.join(known)}."
        full = f"{name}.{strange}"
        raise ConfigError(_said(where, full, f"[{name}] has no key {strange!r}.{hint}", variables), key=full)
    try:
        return msgspec.convert(table, struct)
    except msgspec.ValidationError as error:
        key, problem = _reworded(str(error))
    full = f"{name}.{key.partition('[')[0]}"
    raise ConfigError(_said(where, full, f"[{name}] {key}: {problem}", variables), key=full)


def _check_hooks(tree: Table, where: str, variables: Mapping[str, str]) -> None:
    wrong = isolation.problem(tree.get("kernel", {}).get("hooks", {}))
    if wrong is not None:
        key = f"kernel.hooks.{wrong[0]}".rstrip(".")
        raise ConfigError(_said(where, key, wrong[1], variables), key=key)


def _reworded(message: str) -> tuple[str, str]:
    """A message of msgspec as the key and the problem, in the words of TOML and without the value."""
    problem, _, place = message.partition(" - at `$.")
    if problem.startswith("Invalid enum value"):
        problem = 'expected "off", "warn" or "enforce"'
    for theirs, ours in (("`", ""), ("array", "a list"), ("object", "a table"), ("str", "text"), ("float", "number")):
        problem = problem.replace(theirs, ours)
    return place.rstrip("`"), problem[:1].lower() + problem[1:]


def _entry(name: str, keys: Any) -> Table:
    """:raises PolicyError: if the entry is wrong."""
    checked(name, keys)
    return dict(keys)


def _said(where: str, key: str, problem: str, variables: Mapping[str, str]) -> str:
    """``problem`` with the place that a person has to change: the variable that set the key, or the file."""
    heads = [variables[other] for other in variables if f"{key}.".startswith(f"{other}.")]
    place = heads[-1] if heads else where
    return f"{place}: {problem}" if place else problem
