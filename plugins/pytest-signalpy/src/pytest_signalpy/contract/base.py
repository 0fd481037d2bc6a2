"""What contracts are made of: checks, each a test with a sentence, that nobody overrides and few switch off."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import pytest

from pytest_signalpy import report
from pytest_signalpy.contract.subject import Subject, fails, subject_of


class Contract:
    """Base of the classes of tests that a plugin's own test suite inherits.

    A contract derives from this one directly; its other bases hold the checks.
    """

    component: ClassVar[str] = ""
    without: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls, **keywords: object) -> None:
        """:raises TypeError: for a check in ``without`` that is unknown or has no reason, and for an overridden one."""
        super().__init_subclass__(**keywords)
        known = cls.checks()
        for name, reason in cls.without.items():
            if name not in known:
                there_are = f"there is no check {name!r}; there are: {', '.join(known)}"
                raise TypeError(f"{cls.__qualname__}.without: {there_are}")
            if not isinstance(reason, str) or not reason.strip():
                raise TypeError(f"{cls.__qualname__}.without: say why the check {name!r} is switched off")
        for name in known:
            if f"test_{name}" in vars(cls):
                fix = f'Switch it off instead: without = {{"{name}": "the reason"}}'
                raise TypeError(f"{cls.__qualname__}.test_{name}: a check of the contract is not overridden. {fix}")

    @classmethod
    def checks(cls) -> dict[str, str]:
        """Every check by name, with what it says in a sentence, in the order in which they run."""
        contract = next((each for each in cls.__mro__ if Contract in each.__bases__), cls)
        return {
            name.removeprefix("test_"): (function.__doc__ or "").partition("\n")[0]
            for area in contract.__bases__
            for name, function in vars(area).items()
            if name.startswith("test_")
        }

    @pytest.fixture
    def subject(self) -> Subject:
        """The installed plugin."""
        if not self.component:
            fails(f'{type(self).__qualname__} names no component: component = "loyalty"')
        return subject_of(self.component)

    @pytest.fixture(autouse=True)
    def _one_check(self, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Notes the check for the report, skips it if it is switched off, and runs it in an empty folder."""
        name = request.node.originalname.removeprefix("test_")
        known = self.checks()
        if name in known:
            report.note(request.node, component=self.component, check=name, says=known[name])
        if name in self.without:
            pytest.skip(f"switched off: {self.without[name]}")
        monkeypatch.chdir(tmp_path)
