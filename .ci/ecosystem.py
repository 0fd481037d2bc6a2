"""Tests plugins as those who install them have them: `ecosystem.py [NAME... | --outsiders]`.

Builds every distribution, and a plugin that the built `signalpy new` makes. Then installs each plugin's wheel, with the
oldest and with the newest versions of what it depends on, into a fresh environment that knows nothing of the workspace,
and runs the tests of its sdist there. Only those named, if any; the outsiders are the plugin just made and the example.

Needs build, hatchling and pip>=25.1 in the environment that runs it.
"""

import itertools
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import tomllib
import venv
from dataclasses import dataclass
from pathlib import Path

from floors import floors
from packaging.requirements import Requirement
from smoke import CORE, wheel
from wheels import build
from workspace import ROOT, Distribution, distribution, distributions

EXAMPLE = "signalpy-cloudtrail"
MADE = "loyalty-points"
USES = {
    EXAMPLE: ("cloudtrail.replay", '{"path": "sample"}', '"published": 38'),
    f"signalpy-{MADE}": (f"{MADE}.greet", '{"name": "Ada"}', "Hello, Ada!"),
}
"""What an outsider is asked once it is installed, and what is in the answer."""


class UnexpectedAnswer(Exception):
    """A plugin that is installed does not do what it should."""


@dataclass(frozen=True, slots=True)
class Environment:
    """A fresh virtual environment.

    :param pins: the versions that are taken, where they are not the newest.
    """

    folder: Path
    pins: Path | None = None

    def make(self) -> None:
        """Make it, empty; pip comes from outside."""
        venv.create(self.folder, symlinks=os.name != "nt")

    def program(self, name: str) -> Path:
        """A program in it."""
        scheme = {"base": str(self.folder), "platbase": str(self.folder)}
        return Path(sysconfig.get_path("scripts", "venv", scheme)) / name

    def install(self, *requirements: str) -> None:
        """Install, and ask pip whether that is consistent."""
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(self.program("python"))]
        pins = ["--constraint", str(self.pins)] if self.pins is not None else []
        subprocess.run([*pip, "install", "-q", *pins, *requirements], check=True)
        subprocess.run([*pip, "check"], check=True)

    def run(self, *command: str | Path, cwd: Path) -> str:
        """Run a program in it; returns what that printed."""
        name, *arguments = map(str, command)
        environ = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
        environ["PATH"] = f"{self.program('')}{os.pathsep}{environ['PATH']}"
        print("+", name, *arguments, flush=True)
        done = subprocess.run(
            [self.program(name), *arguments], cwd=cwd, env=environ, stdout=subprocess.PIPE, text=True, check=False
        )
        print(done.stdout, end="", flush=True)
        done.check_returncode()
        return done.stdout


class Ecosystem:
    """What was built, and what is done with it.

    :param folder: for everything that is made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._dist = folder / "dist"
        self._oldest = folder / "oldest.txt"
        self._members = distributions()

    def build(self) -> list[Distribution]:
        """Build all members, then the plugin that the built `signalpy new` makes; returns that, and all others."""
        self._build(self._members, self._dist)
        author = Environment(self._folder / "author")
        author.make()
        author.install(f"{wheel(CORE, self._dist)}[new]")
        author.run("signalpy", "new", MADE, "--defaults", cwd=self._folder)
        made = distribution(self._folder / f"signalpy-{MADE}")
        self._build([made], self._folder / "made")
        for file in (self._folder / "made").iterdir():
            shutil.move(file, self._dist)
        known = [made, *self._members]
        self._oldest.write_text("\n".join(floors((each.name, each.requirements) for each in known)))
        return [each for each in known if each.name != CORE]

    def passes(self, plugin: Distribution, age: str) -> bool:
        """Whether a plugin passes its tests with its ``"oldest"`` or ``"newest"`` dependencies."""
        print(f"\n=== {plugin.name}, {age} dependencies", flush=True)
        with tempfile.TemporaryDirectory(prefix=f"{plugin.name}-{age}-", dir=self._folder) as place:
            environment = Environment(Path(place) / "env", self._oldest if age == "oldest" else None)
            try:
                self._try_out(plugin, environment, self._unpacked(plugin, Path(place)))
            except (subprocess.CalledProcessError, UnexpectedAnswer) as error:
                print(error, flush=True)
                return False
        return True

    def _try_out(self, plugin: Distribution, environment: Environment, source: Path) -> None:
        """Install a plugin, run its tests, and use it."""
        environment.make()
        environment.install(*self._wheels(plugin), "--group", f"{source / 'pyproject.toml'}:test")
        environment.run("python", "-P", ROOT / ".ci" / "outside.py", *_options(source), "tests", cwd=source)
        if plugin.name in USES:
            target, parameters, expected = USES[plugin.name]
            if expected not in environment.run("signalpy", "invoke", target, parameters, cwd=source):
                raise UnexpectedAnswer(f"{target}: expected {expected} in the answer")

    def _unpacked(self, plugin: Distribution, place: Path) -> Path:
        (archive,) = self._dist.glob(f"{plugin.name.replace('-', '_')}-*.tar.gz")
        shutil.unpack_archive(archive, place, filter="data")
        return place / archive.name.removesuffix(".tar.gz")

    def _build(self, distributions: list[Distribution], destination: Path) -> None:
        if build(distributions, destination, "--no-isolation"):
            sys.exit("could not be built; see above")

    def _wheels(self, plugin: Distribution) -> list[str]:
        """The plugin's wheel with all its extras, and those of ours that it or its tests need."""
        ours = {member.name: member for member in self._members}
        group = tomllib.loads((plugin.folder / "pyproject.toml").read_text())["dependency-groups"]["test"]
        needed: dict[str, None] = {}
        todo = [Requirement(text).name for text in [*plugin.requirements, *group]]
        while todo:
            name = todo.pop()
            if name in ours and name not in needed:
                needed[name] = None
                todo += [Requirement(text).name for text in ours[name].project["dependencies"]]
        extras = ",".join(plugin.project.get("optional-dependencies", {}))
        own = f"{wheel(plugin.name, self._dist)}[{extras}]" if extras else str(wheel(plugin.name, self._dist))
        return [own, *(str(wheel(name, self._dist)) for name in needed)]


def _options(source: Path) -> list[str]:
    """What pytest is told: of a distribution without settings of its own, those of the workspace."""
    options = ["-q", "-p", "no:cacheprovider"]
    if "pytest" in tomllib.loads((source / "pyproject.toml").read_text()).get("tool", {}):
        return options
    return [*options, "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(source), "-o", "pythonpath="]


def main() -> None:
    """Try each plugin out, and tell which did not pass."""
    wanted = set(USES) if sys.argv[1:] == ["--outsiders"] else set(sys.argv[1:])
    told = []
    with tempfile.TemporaryDirectory(prefix="signalpy-ecosystem-") as folder:
        ecosystem = Ecosystem(Path(folder))
        plugins = {plugin.name: plugin for plugin in ecosystem.build()}
        if wanted - set(plugins):
            sys.exit(f"expected names among {', '.join(plugins)}; found {', '.join(sorted(wanted - set(plugins)))}")
        chosen = [name for name in plugins if name in wanted or not wanted]
        for name, age in itertools.product(chosen, ("oldest", "newest")):
            start = time.monotonic()
            result = "passed" if ecosystem.passes(plugins[name], age) else "FAILED"
            told.append(f"{name}, {age} dependencies: {result} in {time.monotonic() - start:.0f} s")
    print("\n=== ecosystem", *told, sep="\n")
    sys.exit(any("FAILED" in line for line in told))


if __name__ == "__main__":
    main()
