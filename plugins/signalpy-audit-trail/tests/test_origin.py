"""Where a record comes from."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from signalpy_audit_trail.origin import Origins, canonical


def test_a_component_comes_from_what_the_kernel_told() -> None:
    """Distribution and version are those of the component, where known; all else is that of the process."""
    origins = Origins("bank")
    origins.learn("accounts", "signalpy-accounts", "1.2")
    origins.learn("local", None, "3.0")
    assert ("signalpy-accounts", "1.2") == tuple(origins.of("accounts")[key] for key in ("distribution", "version"))
    assert {"application", "host", "process", "version"} == set(origins.of("local"))
    assert {"application", "host", "process"} == set(origins.of("unknown")) == set(origins.of())
    assert ("bank", os.getpid()) == (origins.of()["application"], origins.of()["process"])


def test_installed_components_are_known_without_being_told() -> None:
    """A trail that is opened in a running application looks up what is loaded, and believes the kernel more."""
    origins = Origins("bank")
    origins.learn_installed(["signalpy-core"])
    assert "distribution" not in origins.of("audit-trail")
    origins.learn_installed(["Signalpy_Audit.Trail"])
    assert "signalpy-audit-trail" == origins.of("audit-trail")["distribution"]
    assert version("signalpy-audit-trail") == origins.of("audit-trail")["version"]
    origins.learn("audit-trail", None, "9.9")
    origins.learn_installed(["signalpy-audit-trail"])
    assert "9.9" == origins.of("audit-trail")["version"]


def test_names_of_distributions_are_compared_in_their_canonical_form() -> None:
    """PEP 503: case, dots and underscores make no difference."""
    assert "a-b-c" == canonical("A_b.-C")


def test_the_application_is_the_program_unless_it_has_a_name(tmp_path: Path) -> None:
    """A script is known by its file, a module or a package by its own name."""
    show = "from signalpy_audit_trail.origin import program; print(program())"
    (tmp_path / "shop.py").write_text(show)
    (tmp_path / "bank").mkdir()
    (tmp_path / "bank" / "__main__.py").write_text(show)
    cases = (
        (["shop.py"], "shop.py"),
        (["-m", "shop"], "shop"),
        (["-m", "bank"], "bank"),
        (["-c", show], "python"),
    )
    for arguments, name in cases:
        command = [sys.executable, *arguments]
        assert name == subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.strip()
