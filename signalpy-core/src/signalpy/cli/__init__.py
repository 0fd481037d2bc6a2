"""The command line. Built-in commands are found through the entry-point group ``signalpy.commands``, like anyone's.

A plugin's command asks ``options()`` for the configuration that the user named. One that is ``attachable`` uses ``ask``
where the user named a process.
"""

from __future__ import annotations

from signalpy.cli.attached import ask, attachable
from signalpy.cli.group import Root
from signalpy.cli.options import Options, globals_of, options

__all__ = ["Options", "ask", "attachable", "main", "options", "root"]

root = Root(
    name="signalpy",
    help="Run, inspect and call components that are installed as separate distributions.",
    params=globals_of(),
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """The command ``signalpy``. Exit codes: 0 done, 1 the answer is no, 2 wrong usage or it could not run."""
    root(prog_name="signalpy")
