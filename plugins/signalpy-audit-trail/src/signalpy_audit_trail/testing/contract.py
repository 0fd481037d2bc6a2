"""The whole contract."""

from __future__ import annotations

from signalpy_audit_trail.testing.appending import Appending
from signalpy_audit_trail.testing.failing import Failing
from signalpy_audit_trail.testing.keeping import Keeping
from signalpy_audit_trail.testing.proving import Proving
from signalpy_audit_trail.testing.searching import Searching
from signalpy_audit_trail.testing.sharing import Sharing


class StoreContract(Appending, Proving, Sharing, Failing, Searching, Keeping):
    """All that `signalpy_audit_trail.store` promises, as tests.

    A store's author subclasses it, gives `location`, and says by the class attributes of
    `signalpy_audit_trail.testing.suite.StoreSuite` what the store is. A test that does not fit is replaced under its
    own name, or set to `None`, and its reason given in `overridden`.
    """

    def test_each_deviation_has_a_reason(self) -> None:
        """No standard test is replaced or left out without a reason, and no reason is left over."""
        standard = {name for name in dir(StoreContract) if name.startswith("test_")}
        changed = {name for name in standard if getattr(type(self), name) is not getattr(StoreContract, name)}
        assert changed == set(self.overridden), "tests that are replaced, and those for which `overridden` has a reason"
        assert all(reason.strip() for reason in self.overridden.values()), "each needs a reason in words"
