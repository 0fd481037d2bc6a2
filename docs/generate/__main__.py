"""`python -m docs.generate [--check]`: writes the generated pages, or tells which are not what the code says."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from docs.generate import commands, configuration, hooks, interface

FOLDER: Final = Path(__file__).resolve().parent.parent / "reference"
PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "commands.md": commands.page,
    "configuration.md": configuration.page,
    "hooks.md": hooks.page,
    "interface.md": interface.page,
}


def stale() -> list[str]:
    """The names of the pages that differ from what the code says."""
    return [name for name, page in PAGES.items() if not _is(FOLDER / name, page())]


def _is(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text() == text


def main(arguments: list[str]) -> int:
    """0: written, or nothing to write; 1: `--check` found stale pages."""
    if arguments == ["--check"]:
        found = stale()
        if found:
            sys.stderr.write(f"not what the code says: {', '.join(found)}. Run: python -m docs.generate\n")
        return 1 if found else 0
    FOLDER.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
