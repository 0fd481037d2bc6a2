"""The members of the workspace, read from the root's pyproject.toml."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Distribution:
    """One member: its folder and its `[project]` table."""

    folder: Path
    project: dict[str, Any]

    @property
    def name(self) -> str:
        """The name on the package index."""
        return str(self.project["name"])

    @property
    def requirements(self) -> list[str]:
        """What it depends on, its extras included."""
        extras = self.project.get("optional-dependencies", {})
        return [*self.project["dependencies"], *(each for extra in extras.values() for each in extra)]

    @property
    def package(self) -> Path:
        """The folder of the import package, the only one below `src/`."""
        (package,) = (path for path in (self.folder / "src").iterdir() if (path / "py.typed").is_file())
        return package


def distribution(folder: Path) -> Distribution:
    """The one whose `pyproject.toml` is in a folder."""
    return Distribution(folder, tomllib.loads((folder / "pyproject.toml").read_text())["project"])


def distributions() -> list[Distribution]:
    """Every member of the workspace, core first."""
    members = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["workspace"]["members"]
    folders = [folder for pattern in members for folder in sorted(ROOT.glob(pattern)) if folder.is_dir()]
    return [distribution(folder) for folder in folders]
