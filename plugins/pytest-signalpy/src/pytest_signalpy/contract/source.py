"""What a plugin's source says: which imports it makes, and what it had better not do."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pytest_signalpy.contract.subject import Subject, fails_if
from signalpy.configuration import PluginSettings
from signalpy.discovery import scan
from signalpy.discovery.compatibility import CORE

UNSAFE: Final = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "jsonpickle"}
"""Modules whose loading of foreign data runs code."""


@dataclass(frozen=True, slots=True)
class Import:
    """One import statement, as ``where`` in the source has it."""

    module: str
    names: tuple[str, ...]
    where: str

    @property
    def top(self) -> str:
        """The top-level package."""
        return self.module.partition(".")[0]


class SourceChecks:
    """Checks of the package's source."""

    def test_declared_dependencies(self, subject: Subject) -> None:
        """It declares every distribution that it imports from."""
        declared = {canonicalize_name(Requirement(line).name) for line in subject.metadata.requires or []}
        declared.add(canonicalize_name(subject.fields["Name"]))
        owners = {**packages_distributions(), "signalpy": [CORE]}
        fails_if(
            f"{found.where}: imports {found.module} of {names[0]}, which the dependencies do not name"
            for found in imports_of(subject)
            if found.top not in sys.stdlib_module_names and found.top != subject.package
            if (names := [canonicalize_name(name) for name in owners.get(found.top, [])])
            if declared.isdisjoint(names)
        )

    def test_no_other_plugin(self, subject: Subject) -> None:
        """It imports no other plugin: components meet on the bus and through contracts."""
        others = {
            item.value.partition(":")[0].partition(".")[0]: item.distribution
            for item in scan(PluginSettings()).candidates
            if item.distribution not in (subject.candidate.distribution, CORE)
        }
        fails_if(
            f"{found.where}: imports {found.module} of the plugin {others[found.top]}; call it over the bus instead"
            for found in imports_of(subject)
            if found.top in others
        )

    def test_nothing_private(self, subject: Subject) -> None:
        """It imports no private name of signalpy, which may change with any release."""
        fails_if(
            f"{found.where}: imports {name}, which is private"
            for found in imports_of(subject)
            if found.top == "signalpy"
            for name in [found.module, *(f"{found.module}.{name}" for name in found.names)]
            if any(part.startswith("_") and not part.startswith("__") for part in name.split("."))
        )

    def test_nothing_unsafe(self, subject: Subject) -> None:
        """It loads no pickles, evaluates no text and starts no shell."""
        unpickling = [
            f"{found.where}: imports {found.module}, whose loading of foreign data runs code"
            for found in imports_of(subject)
            if found.top in UNSAFE
        ]
        fails_if([*unpickling, *_unsafe_calls(subject)])


def imports_of(subject: Subject) -> Iterator[Import]:
    """Every absolute import in the package that is made when it runs."""
    for path in subject.sources():
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        for node in _running(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(alias.name, (), _where(subject, path, node))
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                yield Import(node.module, tuple(alias.name for alias in node.names), _where(subject, path, node))


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those under ``if TYPE_CHECKING``."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for other in node.orelse:
                yield other
                yield from _running(other)
            continue
        yield node
        yield from _running(node)


def _unsafe_calls(subject: Subject) -> Iterator[str]:
    for path in subject.sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
            if not isinstance(node, ast.Call):
                continue
            if isinstance(node.func, ast.Name) and node.func.id in ("eval", "exec"):
                yield f"{_where(subject, path, node)}: calls {node.func.id}"
            shell = [each for each in node.keywords if each.arg == "shell"]
            if shell and not (isinstance(shell[0].value, ast.Constant) and not shell[0].value.value):
                yield f"{_where(subject, path, node)}: starts a shell"


def _where(subject: Subject, path: Path, node: ast.stmt | ast.expr) -> str:
    return f"{path.relative_to(subject.folder.parent)}:{node.lineno}"
