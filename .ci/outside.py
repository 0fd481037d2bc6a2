"""Runs pytest, and passes only if what was tested is what is installed here: `outside.py ARGUMENT...`."""

import sys
import sysconfig
from pathlib import Path

import pytest

OURS = ("signalpy", "pytest_signalpy")


def ours() -> list[Path]:
    """The files of the packages of this project that were imported."""
    packages = [module for name, module in sys.modules.items() if name.startswith(OURS) and "." not in name]
    return [Path(module.__file__).resolve() for module in packages if module.__file__]


def main() -> int:
    """Test, then look where it came from."""
    code = int(pytest.main(sys.argv[1:]))
    installed = Path(sysconfig.get_path("purelib")).resolve()
    files = ours()
    strangers = [str(file) for file in files if installed not in file.parents]
    if strangers or not files:
        print(f"expected packages of this project, all from {installed}; found {strangers or 'none'}", file=sys.stderr)
        return 1
    return code


if __name__ == "__main__":
    sys.exit(main())
