"""An entry point: what a distribution says it has, where, and the step from there to the object.

The file is parsed here: a bad reference shall cost its own entry and nothing else, while importlib-metadata, depending
on its version, refuses every entry of the file for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any, Final, NamedTuple

from signalpy.errors import SignalPyError, told
from signalpy.matching import did_you_mean

GROUPS: Final = "signalpy."
"""How the names of all entry-point groups of this framework begin."""

REFERENCE: Final = re.compile(r"(?P<module>\w+(?:\.\w+)*)\s*:\s*(?P<attr>\w+(?:\.\w+)*)\s*(?:\[.*\])?")
"""An object reference: ``module:attribute``, as the entry-point specification of PyPA has it."""


class LoadError(SignalPyError, ImportError):
    """An entry point's code does not give what it should. ``entry`` and ``distribution`` tell whose."""


class Entry(NamedTuple):  # every command defines it, and a dataclass takes four times as long to define
    """One entry point.

    :param distribution: canonical name of the distribution that has it.
    """

    group: str
    name: str
    value: str
    distribution: str

    def load(self) -> Any:
        """Imports the object.

        :raises LoadError: in one line, with what was raised as its cause.
        """
        reference = REFERENCE.fullmatch(self.value)
        if reference is None:
            raise self.error(f'its entry point says {self.value!r}, expected "module:object"')
        return self._attribute(reference["module"], reference["attr"])

    def error(self, problem: str) -> LoadError:
        """The error for this entry."""
        return LoadError(problem, entry=self.name, distribution=self.distribution)

    def _module(self, name: str) -> Any:
        try:
            return import_module(name)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise self.error(f"importing {name} failed: {told(error)}{place(error, name)}") from error

    def _attribute(self, module: str, path: str) -> Any:
        found = self._module(module)
        for part in path.split("."):
            try:
                found = getattr(found, part)
            except AttributeError as error:
                hint = did_you_mean(part, map(str, vars(found))) if hasattr(found, "__dict__") else ""
                raise self.error(f"{module} has no {path!r}, which its entry point names.{hint}") from error
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                raise self.error(f"getting {path!r} from {module} failed: {told(error)}") from error
        return found


def place(error: BaseException, module: str) -> str:
    """Where in the package of ``module`` something broke off, if its code ran; of a syntax error Python tells."""
    from traceback import walk_tb

    package = module.partition(".")[0]
    found = ""
    for frame, line in walk_tb(error.__traceback__):
        name = str(frame.f_globals.get("__name__", ""))
        if name.partition(".")[0] == package and frame.f_code is not Entry._module.__code__:
            found = f" (line {line} of {name})"
    return "" if isinstance(error, SyntaxError) else found


def entries_in(text: str, distribution: str) -> Iterator[Entry]:
    """The entry points of this framework's groups in the text of an ``entry_points.txt``, each once.

    :raises ValueError: for a line in such a group that is no entry.
    """
    group = ""
    seen: set[Entry] = set()
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            group = line[1:-1].strip()
        elif group.startswith(GROUPS) and line and not line.startswith(("#", ";")):
            name, equals, value = line.partition("=")
            if not equals or not name.strip():
                raise ValueError(f"entry_points.txt, group {group}: expected name = module:object, found {line!r}")
            entry = Entry(group, name.strip(), value.strip(), distribution)
            if entry not in seen:
                seen.add(entry)
                yield entry
