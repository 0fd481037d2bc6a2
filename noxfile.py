"""What is run on demand; the checks that every change must pass are in tox.ini."""

import os
import random
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.sessions = ["build"]
nox.options.default_venv_backend = "venv"

ROOT = Path(__file__).parent
PYPROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
MEMBERS = [
    str(folder.relative_to(ROOT))
    for pattern in PYPROJECT["tool"]["uv"]["workspace"]["members"]
    for folder in sorted(ROOT.glob(pattern))
]


def install_workspace(session: nox.Session) -> None:
    """Install every distribution as an editable, and what the tests need."""
    editables = [part for member in MEMBERS for part in ("-e", f"./{member}")]
    session.install(*nox.project.dependency_groups(PYPROJECT, "test"), *editables)


@nox.session
def build(session: nox.Session) -> None:
    """Sdist and wheel of every distribution, into dist/."""
    session.install("build")
    for member in MEMBERS:
        session.run("python", "-m", "build", "--outdir", "dist", member)


@nox.session
def docs(session: nox.Session) -> None:
    """The site of docs/, into dist/site; the generated pages are written anew first."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "docs"), *(f"./{member}" for member in MEMBERS))
    session.run("python", "-m", "docs.generate")
    session.run("sphinx-build", "-W", "--keep-going", "-b", "html", "docs", "dist/site")


@nox.session
def bench(session: nox.Session) -> None:
    """Measures, beside peers in an environment of their own; arguments go to `benchmarks run`: `-- bus --quick`."""
    session.install(*(f"./{member}" for member in MEMBERS))
    peers = Path(session.create_tmp()) / "peers"
    python = peers / ("Scripts" if os.name == "nt" else "bin") / "python"
    session.run("python", "-m", "venv", str(peers))
    session.run(str(python), "-m", "pip", "install", "-q", "-r", "benchmarks/peers/requirements.txt", external=True)
    session.run("python", "-m", "benchmarks", "run", "--peers", str(python), *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """The tests with branch coverage, child processes included; arguments go to pytest."""
    install_workspace(session)
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest", *session.posargs)
    session.run("coverage", "combine", "-q")
    session.run("coverage", "report")


@nox.session
def soak(session: nox.Session) -> None:
    """The tests again and again, each round under its own hypothesis seed: `nox -s soak -- 20`."""
    rounds, *arguments = session.posargs or ["10"]
    install_workspace(session)
    for number in range(int(rounds)):
        seed = random.randrange(2**32)
        session.log(f"round {number + 1} of {rounds}, seed {seed}")
        session.run("python", "-m", "pytest", "-q", f"--hypothesis-seed={seed}", *arguments)
