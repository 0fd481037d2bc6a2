"""The fixture `frozen_time`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Run

pytest_plugins = ["pytester"]


def test_time_stands_still_until_it_is_moved(run: Run) -> None:
    """The wall clock stands, in threads too, and is set and shifted; sleeps and timeouts work."""
    source = """
import time
from datetime import UTC, datetime, timedelta

async def test_it(frozen_time, kernel):
    start = datetime(2026, 1, 1, 12, tzinfo=UTC)
    await asyncio.sleep(0.01)
    assert start == frozen_time.now == datetime.now(UTC) == await asyncio.to_thread(datetime.now, UTC)
    assert start.timestamp() == time.time()
    frozen_time.shift(60)
    frozen_time.shift(timedelta(minutes=-2))
    assert start - timedelta(minutes=1) == frozen_time.now
    frozen_time.move_to("2030-05-01T00:00:00+02:00")
    assert datetime(2030, 4, 30, 22, tzinfo=UTC) == frozen_time.now
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await asyncio.sleep(60)

@pytest.mark.signalpy(time="2027-01-01")
def test_the_mark_says_when(frozen_time):
    assert "<FrozenTime(2027-01-01T00:00:00+00:00)>" == repr(frozen_time)

def test_afterwards_it_goes_on():
    assert 2026 != time.gmtime(time.time() - 365 * 86400 * 200).tm_year
    assert time.time() != (time.sleep(0.01) or time.time())
"""
    run(source).assert_outcomes(passed=3)


def test_the_kernel_boots_in_it(run: Run) -> None:
    """The clock stands before the kernel boots, whatever the order of the arguments."""
    source = """
from datetime import UTC, datetime

@component("clocked")
class Clocked:
    @lifecycle.activate
    def start(self):
        self.at = datetime.now(UTC)

@pytest.mark.signalpy(components=[Clocked])
async def test_it(kernel, frozen_time):
    assert frozen_time.now == kernel.get("clocked").at
"""
    run(source).assert_outcomes(passed=1)


def test_a_wrong_time(run: Run) -> None:
    """The mark's time is refused in words."""
    result = run("@pytest.mark.signalpy(time='soon')\ndef test_it(frozen_time):\n    pass\n")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*time must be a datetime or RFC 3339 text, found 'soon'"])
