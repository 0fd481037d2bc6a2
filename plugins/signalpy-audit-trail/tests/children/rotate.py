"""Rotates the key-encryption key of the vault in the folder given, and is killed after one of its steps."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from signalpy_audit_trail.vault import rotation
from signalpy_audit_trail.vault.opening import open_vault
from signalpy_audit_trail.vault.places import Places
from signalpy_audit_trail.vault.vault import Vault


def die_after(step: Any) -> Any:
    def stepped(*arguments: Any) -> None:
        step(*arguments)
        os.kill(os.getpid(), signal.SIGKILL)

    return stepped


folder, last = Path(sys.argv[1]), sys.argv[2]
if last == "next":
    rotation.make_file = die_after(rotation.make_file)
elif last == "commit":
    Vault.forget_traces = die_after(lambda self: None)  # type: ignore[method-assign]
else:
    rotation.finish_rotation = die_after(rotation.finish_rotation)
rotation.rotate(open_vault(Places(folder)), Places(folder), None)
