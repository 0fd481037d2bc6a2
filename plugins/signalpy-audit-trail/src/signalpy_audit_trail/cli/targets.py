"""Where a command may write: never over the trail or its keys, and never two things into one file."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from signalpy.errors import ConfigError
from signalpy_audit_trail.cli.keys import keys_folder
from signalpy_audit_trail.cli.place import Place


def check_targets(place: Place, files: Mapping[str, str | None]) -> None:
    """Look at the files that a command is about to write.

    :param files: by the option that names them.
    :raises ConfigError: one belongs to the trail, two are the same, or something else than a file has that name.
    """
    taken: dict[Path, str] = {}
    for option, name in files.items():
        if name is None:
            continue
        path = apart(place, name, f"--{option}")
        if path in taken:
            raise ConfigError(f"--{option} and --{taken[path]} name the same file, {name}; give two", key=option)
        taken[path] = option
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):
            what = "a folder" if path.is_dir() else "a device or a pipe"
            raise ConfigError(f"--{option}: expected a file, found {what}: {name}", key=option)


def apart(place: Place, name: str, option: str) -> Path:
    """Return the path of what a command is about to write, with all links followed.

    :param option: which argument of the command names it.
    :raises ConfigError: it belongs to the trail.
    """
    try:
        path = Path(name).resolve()
    except (OSError, RuntimeError) as error:
        raise ConfigError(f"{option}: {name}: {getattr(error, 'strerror', None) or error}", key=option) from None
    if any(_holds(mine, path) for mine in _kept(place)):
        raise ConfigError(f"{option}: {name} belongs to the trail or its keys; give a path elsewhere", key=option)
    return path


def _kept(place: Place) -> Iterator[Path]:
    """Files and folders of the trail itself."""
    places = place.keys.places
    sources = (places.secret, places.kek)
    found = (
        place.path,
        place.folder,
        keys_folder(place.url),
        *(None if each is None else each.path for each in sources),
    )
    yield from (path.resolve() for path in found if path is not None)


def _holds(mine: Path, path: Path) -> bool:
    """Whether ``path`` is ``mine``, lies in it, or is what SQLite keeps beside it."""
    beside = path.parent == mine.parent and path.name.startswith(f"{mine.name}-") and mine.is_file()
    return beside or path.is_relative_to(mine)
