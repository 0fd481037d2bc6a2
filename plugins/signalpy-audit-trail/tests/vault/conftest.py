from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from signalpy_audit_trail.vault.opening import open_vault
from signalpy_audit_trail.vault.places import Places
from signalpy_audit_trail.vault.vault import Vault


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "keys")


@pytest.fixture
def vault(places: Places) -> Iterator[Vault]:
    opened = open_vault(places)
    yield opened
    opened.close()
