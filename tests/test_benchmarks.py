"""The benchmarks: what is made of samples, the page, the comparison, and one family that is really run."""

from __future__ import annotations

import asyncio
import json
import math
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.__main__ import PAGE, RESULT, main
from benchmarks.comparison import changes
from benchmarks.families import FAMILIES, Group, groups_of, measured
from benchmarks.figures import Figures, percentile, summarized, unsteadiness
from benchmarks.harness import Budget, Repeated, interleave, named
from benchmarks.lab import Lab, Peers
from benchmarks.peers import Peer, PeerError
from benchmarks.publishers import together, together_busy
from benchmarks.report import page
from benchmarks.result import Result, read_result, result_from_json
from benchmarks.rows import BESIDE, FLOOR, LIMIT, OURS, TIMES, Row, Spec, at_least, at_most, of

COST = Spec(id="bus.some", work="publish", limit="an await", unit="ns", reach=at_most(3), noise=0.1)
RATE = Spec(id="append.some", work="append", limit="a write", unit="1/s", better="more", reach=at_least(0.6), noise=0.2)
ABOUT: dict[str, Any] = {
    "started": "2026-01-31T12:00:00+00:00",
    "seconds": 61.2,
    "quick": False,
    "commit": {"commit": "0123456789abcdef", "changed": False},
    "machine": {
        "python": "CPython 3.11.7",
        "system": "Linux 6.1",
        "processor": "one",
        "cpus": 2,
        "memory_gib": 8.0,
        "file_system": "ext4",
    },
    "load_before": [0.1, 0.2, 0.3],
    "load_after": [1.0, 0.9, 0.8],
    "versions": {"signalpy-core": "0.1.0"},
    "peers": {"blinker": "1.9.0"},
}
samples = st.lists(st.floats(0.001, 1e9), min_size=1, max_size=50)


def result(**medians: float) -> Result:
    """A result of both rows; ours as given by unit, the limit at 100."""
    rows = [
        spec.row({LIMIT: [100.0], OURS: [medians[unit]]})
        for spec, unit in ((COST, "ns"), (RATE, "rate"))
        if unit in medians
    ]
    return Result(about=ABOUT, rows=rows)


@given(samples)
def test_figures_are_the_ends_and_the_middle(values: list[float]) -> None:
    """Minimum and maximum are samples, the median lies between them, and as many lie on either side of it."""
    found = summarized(values)
    assert (min(values), max(values), len(values)) == (found.min, found.max, found.count)
    below, above = (sum(value < found.median for value in values), sum(value > found.median for value in values))
    assert found.min <= found.median <= found.max
    assert max(below, above) <= len(values) / 2


@given(samples, st.floats(0.01, 1))
def test_a_percentile_is_exceeded_by_no_more_than_the_rest(values: list[float], share: float) -> None:
    """It is a sample, and at least that share of all does not exceed it."""
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9


def test_a_percentile_by_nearest_rank() -> None:
    """Of the numbers to a hundred, the 99th percentile is 99, and the largest is the 100th."""
    numbers = [float(number) for number in range(1, 101)]
    assert [99.0, 100.0, 1.0] == [percentile(numbers, share) for share in (0.99, 1, 0)]


@pytest.mark.parametrize("ask", [summarized, lambda values: percentile(values, 0.5)])
def test_nothing_has_no_figures(ask: Any) -> None:
    """Without a sample there is no figure, and the error says so."""
    with pytest.raises(ValueError, match="at least one sample"):
        ask([])


def test_steadiness_counts_the_middle_and_not_what_was_disturbed() -> None:
    """One sample that was disturbed changes nothing, more samples steady a median, and one alone says nothing."""
    calm = [99.0, 100.0, 101.0] * 4
    assert unsteadiness(calm) == pytest.approx(unsteadiness([*calm[:-1], 10_000.0]))
    assert unsteadiness(calm * 4) == pytest.approx(unsteadiness(calm) / 2)
    assert math.inf == unsteadiness([1.0])


def test_subjects_are_measured_in_turn() -> None:
    """Each round takes every subject once and begins with another one; the warm-up does not count."""
    order: list[str] = []

    def taker(name: str) -> Any:
        def take() -> Mapping[str, float]:
            order.append(name)
            return {name: float(len(order))}

        return take

    found = interleave([taker("a"), taker("b")], Budget(seconds=9, least=3, most=3, steady=0))
    assert "ab" + "ab" + "ba" + "ab" == "".join(order)
    assert {"a": [3.0, 6.0, 7.0], "b": [4.0, 5.0, 8.0]} == found


def test_rounds_end_when_the_medians_stand() -> None:
    """Subjects that do not vary need no more than the least number of rounds."""
    found = interleave([named("calm", lambda: 1.0)], Budget(seconds=9, least=4, most=100))
    assert 4 == len(found["calm"])


def test_rounds_end_when_the_time_is_up() -> None:
    """Subjects that never come to rest are given up when the time is up."""
    ticks = iter(range(100))
    values = iter(range(1, 1_000))
    found = interleave(
        [named("wild", lambda: float(next(values) ** 3))],
        Budget(seconds=5, least=2, most=100),
        clock=lambda: float(next(ticks)),
    )
    assert 2 < len(found["wild"]) < 10


def test_what_is_short_is_repeated_until_it_can_be_timed() -> None:
    """The number of repetitions is found once and kept."""
    asked: list[int] = []

    def run(times: int) -> float:
        asked.append(times)
        for _ in range(times * 1_000):
            pass
        return 0.5

    sample = Repeated(run, seconds=0.001)
    assert [0.5, 0.5] == [sample(), sample()]
    assert asked[-1] == asked[-2] == sample.times
    assert asked[:-2] == [2**power for power in range(len(asked) - 2)]


async def test_what_ends_late_counts_for_waits_and_not_for_the_rate() -> None:
    """Tasks begin nothing when the time is up; what is under way then is waited for."""
    release = asyncio.Event()

    async def do(number: int) -> None:
        if number:
            asyncio.get_running_loop().call_later(0.05, release.set)
            await release.wait()

    seen = await together(do, tasks=2, count=10_000_000, seconds=0.02)
    assert (0.02, 1, 3) == (seen.seconds, seen.count, len(seen.waits))
    assert 50.0 == seen.rate


async def test_a_log_that_starves_has_no_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy loop the load ends after a while, also where nothing came through; the gaps were watched."""
    monkeypatch.setattr("benchmarks.publishers.MOST", 0.02)

    async def do(number: int) -> None:
        await asyncio.sleep(0.05)

    named_ = (await together_busy(do, tasks=2, count=2)).named("some")
    assert {"rate: some", "p99: some", "gap: some"} == set(named_)
    assert 0.0 == named_["rate: some"]


def test_a_ratio_is_that_of_the_medians() -> None:
    """Ours is over the limit, and a peer's over the limit that was measured beside it."""
    row = COST.row({LIMIT: [9, 10, 50], OURS: [20, 25, 99], BESIDE + "blinker": [4, 5], "blinker": [90, 90]})
    assert {OURS: 2.5, "blinker": 20.0} == row.ratios
    assert (2.5, True) == (row.measured, row.reached)


def test_a_rate_is_reached_from_above() -> None:
    """At least six tenths of the limit: six are enough, five are not."""
    assert [True, False] == [RATE.row({LIMIT: [100], OURS: [rate]}).reached for rate in (60, 50)]


def test_a_target_in_its_own_unit_is_held_against_the_figure() -> None:
    """Milliseconds are compared with milliseconds, whatever the ratio is."""
    spec = Spec(id="some.gap", work="gap", limit="idle", unit="ms", reach=at_most(5, "ms"))
    row = spec.row({LIMIT: [0.001], OURS: [0.004]}, scale=1e3)
    assert (4.0, 4.0, True) == (row.ratios[OURS], row.judged, row.reached)


def test_a_percentile_row_has_one_figure_a_subject() -> None:
    """The p99 of each subject's samples becomes its figure."""
    row = COST.percentile_row({LIMIT: [1.0] * 100, OURS: [*([2.0] * 99), 70.0]}, 0.99)
    assert Figures(2.0, 2.0, 2.0, 1) == row.figures[OURS]


def test_measures_of_one_run_are_told_apart() -> None:
    """Samples named by measure and subject are taken by measure."""
    both = {"rate: limit": [1.0], "rate: signalpy": [2.0], "p99: limit": [3.0]}
    assert ({LIMIT: [1.0], OURS: [2.0]}, {LIMIT: [3.0]}) == (of("rate", both), of("p99", both))


def test_a_result_survives_its_json() -> None:
    """Rows, skipped ones too, and circumstances come back as they were."""
    rows = [
        replace(COST, floor="a loop", why="so").row({LIMIT: [1.0, 2.0], OURS: [3.0], "blinker": [4.0]}, note="note"),
        RATE.skipped("no disk"),
    ]
    given_ = Result(about=ABOUT, rows=rows)
    found = result_from_json(given_.to_json())
    assert (ABOUT, rows) == (found.about, found.rows)
    assert [True, None] == [row["reached"] for row in json.loads(given_.to_json())["rows"]]


def test_another_format_is_refused() -> None:
    """A file of another version is no result."""
    with pytest.raises(ValueError, match="format 1"):
        result_from_json('{"format": 0, "rows": []}')


def test_the_page_says_what_was_reached_and_what_was_missed() -> None:
    """Each row shows limit, ratio, figure, peers and verdict; a skipped one why; and under which load it was."""
    rows = [
        COST.row({LIMIT: [100.0], OURS: [250.0], "blinker": [1500.0], BESIDE + "blinker": [50.0]}),
        RATE.row({LIMIT: [50_000.0], OURS: [10_000.0]}, note="all of them"),
        Spec(id="some.other", work="another", limit="", unit="ms").skipped("no | disk"),
    ]
    text = page(Result(about=ABOUT, rows=rows))
    assert f"| publish | an await | **2.50 {TIMES}** (250 ns) | - | blinker 30.0 | ≤ 3 {TIMES}: reached |" in text
    assert f"| append | a write | **0.20 {TIMES}** (10,000 1/s) | - | - | ≥ 0.6 {TIMES}: **missed** |" in text
    assert "| another | - | not measured | - | - | - |" in text
    assert "- append.some: all of them\n- some.other: no | disk\n" in text
    assert "0.1 / 0.2 / 0.3 and 1 / 0.9 / 0.8" in text
    assert "| bus.some | limit beside blinker | ns | 50.0 | 50.0 | 50.0 | 1 |" in text


def test_the_page_says_why_a_target_is_missed_and_what_the_floor_is() -> None:
    """Beside the floor that was measured in the same run; where a target is reached, nothing is explained."""
    spec = replace(COST, floor="a bare loop", why="It costs a coroutine.")
    measured_ = {OURS: [400.0], LIMIT: [100.0], FLOOR: [350.0]}
    text = page(Result(about=ABOUT, rows=[spec.row(measured_), RATE.row({LIMIT: [9.0], OURS: [3.0]})]))
    assert f"| an await | **4.00 {TIMES}** (400 ns) | 3.50 {TIMES} | - | ≤ 3 {TIMES}: **missed** |" in text
    reason = f"4.00 {TIMES}, to be reached ≤ 3 {TIMES}. Floor 3.50 {TIMES}: a bare loop. It costs a coroutine."
    assert f"## What is not reached, and why\n\n- bus.some: {reason}\n" in text
    assert f"- append.some: 0.33 {TIMES}, to be reached ≥ 0.6 {TIMES}. No reason is known.\n" in text
    reached = page(Result(about=ABOUT, rows=[spec.row({**measured_, OURS: [300.0]})]))
    assert "not reached" not in reached


def test_a_result_from_before_there_were_floors_can_be_read() -> None:
    """Older commits can be compared with this one."""
    found = json.loads(result(ns=100.0).to_json())
    for row in found["rows"]:
        del row["floor"], row["why"]
    assert result(ns=100.0).rows == result_from_json(json.dumps(found)).rows


@pytest.mark.parametrize(
    ("row", "after", "verdict"),
    [
        ("ns", 111.0, "worse"),
        ("ns", 109.0, "same"),
        ("ns", 90.0, "better"),
        ("rate", 82.0, "worse"),
        ("rate", 85.0, "same"),
        ("rate", 125.0, "better"),
        ("rate", 0.0, "worse"),
    ],
)
def test_a_change_beyond_the_noise_is_told(row: str, after: float, verdict: str) -> None:
    """A cost gets worse when it rises, a rate when it falls, each by more than the row's own noise."""
    (change,) = changes(result(**{row: 100.0}), result(**{row: after}))
    assert verdict == change.verdict


def test_what_is_in_one_result_only_is_not_compared() -> None:
    """A row that is new, gone or was skipped is listed without a verdict."""
    found = {change.id: change.verdict for change in changes(result(ns=100.0), result(rate=100.0))}
    assert {COST.id: "not compared", RATE.id: "not compared"} == found


def test_compare_exits_with_one_where_something_got_worse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is for scripts, the lines are for people; a noise given by hand counts for all rows."""
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    old.write_text(result(ns=100.0, rate=100.0).to_json())
    new.write_text(result(ns=150.0, rate=100.0).to_json())
    assert [1, 0, 0] == [
        main(["compare", str(old), str(new)]),
        main(["compare", str(new), str(old)]),
        main(["compare", str(old), str(new), "--noise", "0.6"]),
    ]
    assert "worse        bus.some" in capsys.readouterr().out


def test_what_cannot_be_read_is_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A missing file, and a family that is none, are wrong usage: exit code 2."""
    assert 2 == main(["report", str(tmp_path / "none.json")])
    assert 2 == main(["run", "buss", "--output", str(tmp_path / "some.json")])
    lines = capsys.readouterr().err.splitlines()
    assert 2 == len(lines)
    assert "buss" in lines[1]


def test_every_row_has_an_id_of_its_own() -> None:
    """Ids begin with their family and are unique, since results are compared by them."""
    specs = {family: [spec for group in groups_of(family) for spec in group.specs] for family in FAMILIES}
    ids = [spec.id for each in specs.values() for spec in each]
    assert len(ids) == len(set(ids))
    assert all(spec.id.startswith(f"{family}.") for family, each in specs.items() for spec in each)


def test_what_fails_becomes_rows_that_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """One group that fails does not keep the others from being measured."""

    def fails(_: Lab) -> list[Row]:
        raise OSError("no disk")

    monkeypatch.setattr("benchmarks.boot.GROUPS", (Group((RATE,), fails), Group((), lambda _: [COST.skipped("x")])))
    assert ["OSError: no disk", "x"] == [row.skipped for row in measured("boot", Lab())]


def test_a_family_is_measured_quickly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A smoke run really boots, publishes and invokes; every row is measured; peers that are not there are named."""
    output = tmp_path / "result.json"
    assert 0 == main(["run", "bus", "boot", "--quick", "--output", str(output)])
    found = read_result(output)
    rows = {row.spec.id: row for row in found.rows}
    assert {spec.id for family in ("bus", "boot") for group in groups_of(family) for spec in group.specs} == set(rows)
    assert [] == [row.skipped for row in found.rows if row.skipped]
    assert all({LIMIT, OURS} <= row.figures.keys() and row.figures[LIMIT].min > 0 for row in found.rows)
    assert "blinker: not measured" in rows["bus.publish-1"].note
    assert capsys.readouterr().out == page(found)


def test_a_peer_that_does_not_start_is_told(tmp_path: Path) -> None:
    """Neither a Python that is none nor an environment without the peer stops a run."""
    with pytest.raises(PeerError, match="No such file"):
        Peer("blinker", tmp_path / "python")
    with pytest.raises(PeerError, match="has ended"):
        Peer("signalpy_no_such_peer", Path(sys.executable))


def test_a_peer_that_fails_later_is_left_out() -> None:
    """What it gave before counts, it is not asked again, and the row says why."""
    peers = Peers()
    answers = iter([{"blinker": 1.0}])

    def take() -> Mapping[str, float]:
        for answer in answers:
            return answer
        raise PeerError("it broke")

    peers.add("blinker", take)
    assert [{"blinker": 1.0}, {}, {}] == [peers.takers[0]() for _ in range(3)]
    assert "blinker: it broke" == peers.missing


@pytest.mark.skipif(not RESULT.exists(), reason="no result is kept yet")
def test_the_page_is_that_of_the_result_that_is_kept() -> None:
    """docs/performance.md was generated and not written by hand."""
    assert PAGE.read_text(encoding="utf-8") == page(read_result(RESULT))
