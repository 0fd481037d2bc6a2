"""A plugin in one file, ``FILE:CLASS``: its class, without an installed distribution."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from traceback import walk_tb
from types import ModuleType
from typing import Final

from signalpy.cli.failure import Failure, told
from signalpy.matching import did_you_mean

PREFIX: Final = "signalpy_file_"
"""How the module of such a file is called, so that a file ``json.py`` takes no other module's place."""


def component_in(reference: str, *, debug: bool = False) -> type:
    """The component class that ``reference`` names; its file is run for it.

    :param debug: whether an error is to show its traceback.
    :raises Failure: in one line, if there is no such file or class, it does not run, or the class is no component.
    """
    from signalpy.definition import spec_of
    from signalpy.errors import DefinitionError

    file, colon, name = reference.rpartition(":")
    if not colon or not file or not name.isidentifier():
        raise Failure(f"--plugin {reference}: expected FILE:CLASS, such as clock.py:Clock")
    module = _run(Path(file), reference, debug=debug)
    found = vars(module).get(name)
    if found is None:
        known = _components(module)
        hint = did_you_mean(name, known) or (f" It has: {', '.join(known)}." if known else " It has no component.")
        raise Failure(f"--plugin {reference}: {file} has no class {name!r}.{hint}")
    try:
        return spec_of(found).cls
    except DefinitionError as error:
        raise Failure(f"--plugin {reference}: {error}", cause=error if debug else None) from error


def _run(file: Path, reference: str, *, debug: bool) -> ModuleType:
    if not file.is_file():
        problem = "it is no file" if file.exists() else "there is no such file"
        raise Failure(f"--plugin {reference}: {file}: {problem}")
    name = PREFIX + "".join(char if char.isalnum() else "_" for char in file.stem)
    spec = spec_from_file_location(name, file.absolute())
    if spec is None or spec.loader is None:
        raise Failure(f"--plugin {reference}: {file} is no Python file; its name must end in .py")
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pydantic look up annotations there
    try:
        spec.loader.exec_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        del sys.modules[name]
        raise Failure(
            f"--plugin {reference}: running {file} failed: {told(error)}{_line(error, name)}",
            cause=error if debug else None,
        ) from error
    return module


def _line(error: BaseException, module: str) -> str:
    """Where in the file it broke off; of a syntax error Python tells itself."""
    lines = [line for frame, line in walk_tb(error.__traceback__) if frame.f_globals.get("__name__") == module]
    return f" (line {lines[-1]})" if lines and not isinstance(error, SyntaxError) else ""


def _components(module: ModuleType) -> list[str]:
    from signalpy.definition.spec import DECLARED

    return [
        name
        for name, item in vars(module).items()
        if isinstance(item, type) and DECLARED in vars(item) and item.__module__ == module.__name__
    ]
