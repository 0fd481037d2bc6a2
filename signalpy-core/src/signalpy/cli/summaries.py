"""What each of the core's own commands does, in a line: the help of ``signalpy`` tells it without importing them all.

A command that is not in here is imported for it; a test holds each line to the command's own help.
"""

from __future__ import annotations

from typing import Final

SUMMARIES: Final = {
    "describe": "Describe TARGET: a component, or one of its runnables (component.runnable).",
    "doctor": "Check the installation, and list what is wrong; exit code 1 if there is a problem.",
    "graph": "Draw the components with what they require, depend on, publish and subscribe to.",
    "hooks": "List the hooks: when each fires, what it may do, and who implements it.",
    "invoke": "Boot, call TARGET (component.runnable) once, and print its result as JSON.",
    "lock": "Write version, files and origin of every plugin that may load into signalpy.lock.",
    "new": "Make the plugin signalpy-NAME: a component, tests that pass, checks and workflows.",
    "plugins": "List the components that are installed, with their states.",
    "policy": "Check, explain and change policies; without --attach those of the file.",
    "reload": "Have the process at --attach PATH read its configuration again.",
    "run": "Boot, serve until SIGINT or SIGTERM, then drain and stop.",
    "schema": (
        "List the typed events, of TYPE or all: their versions, fields, and the older versions that are still read."
    ),
    "status": "Tell how the process at --attach PATH does.",
    "why": "Tell why the component NAME may load or not.",
}
