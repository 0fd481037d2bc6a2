"""What a store's author tests it with: `StoreContract`, all that `signalpy_audit_trail.store` promises, as tests.

::

    class TestMyStore(StoreContract):
        def location(self, tmp_path: Path) -> str:
            return f"mine://{tmp_path}/trail"

Needs pytest: ``pip install signalpy-audit-trail[testing]``. The store is found by its scheme, so it must be installed.
"""

import pytest

_PARTS = ("appending", "contract", "failing", "keeping", "proving", "searching", "sharing", "suite")
pytest.register_assert_rewrite(*(f"{__name__}.{part}" for part in _PARTS))

from signalpy_audit_trail.testing.contract import StoreContract  # noqa: E402 (first, what its asserts are to tell)

__all__ = ["StoreContract"]
