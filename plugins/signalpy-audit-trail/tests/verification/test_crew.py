"""Several processes find what one does, and what they cannot do is done without them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from signalpy_audit_trail.commit import commit
from signalpy_audit_trail.store import StoreError
from signalpy_audit_trail.stores import open_reader, open_store
from signalpy_audit_trail.verification import crew, verify
from signalpy_audit_trail.verification.verifier import RUN
from signalpy_audit_trail.verification.work import Run

SIZE = 2 * RUN + 9
pytestmark = pytest.mark.usefixtures("few")


def children() -> set[int]:
    listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return set(map(int, listed))


@pytest.mark.parametrize("scheme", ["file", "sqlite"])
@pytest.mark.parametrize("index", [True, False])
def test_progress_grows_up_to_all_records(honest: Any, scheme: str, *, index: bool) -> None:
    """Told often, never backwards, and at the end it is the whole; with one process as with two."""
    for processes in (1, 2):
        seen: list[tuple[int, int]] = []
        report = honest[scheme].report(processes, index=index, progress=lambda *item, seen=seen: seen.append(item))
        assert 0 == report.exit_code
        assert (SIZE, SIZE) == seen[-1]
        assert sorted(seen) == seen
        assert len(seen) > 16


def test_no_process_outlives_a_verification(honest: Any) -> None:
    """Neither when it ends nor when it is broken off."""
    before = children()
    honest["file"].report(2)
    assert before == children()

    def interrupt(_done: int, _all: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        honest["file"].report(2, progress=interrupt)
    assert before == children()


@pytest.mark.parametrize("all_of_them", [False, True])
def test_helpers_that_die_leave_their_work_to_the_others_or_to_us(honest: Any, *, all_of_them: bool) -> None:
    """Killed at the first sign of work, one or all: the report is the same."""
    before = children()
    killed: list[int] = []

    def kill(_done: int, _all: int) -> None:
        if not killed:
            killed.extend(sorted(children() - before)[: None if all_of_them else 1])
            for process in killed:
                os.kill(process, signal.SIGKILL)

    report = honest["file"].report(2, size=SIZE, progress=kill)
    assert (0, f"it knows {SIZE} of {SIZE} records") == (report.exit_code, report.checks["index"].detail)
    assert killed


def test_a_python_that_is_none_is_done_without(honest: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An embedding program names itself as the executable, or nothing, or what cannot be run."""
    for executable in ("", "/nonexistent/python", "/bin/true"):
        monkeypatch.setattr(sys, "executable", executable)
        assert 0 == honest["file"].report(2, size=SIZE).exit_code


def test_a_trail_that_no_other_process_can_open(make: Any) -> None:
    """In memory: all is done here, also for a reader that offers no more than the contract demands."""
    with closing(open_store("memory:crew", guest=True)) as store:
        commit(store, [make() for _ in range(20)])
        with closing(store.reader()) as reader:
            report = verify(reader, processes=2)
    assert (0, 20) == (report.exit_code, report.size)
    assert "there is no index" in report.checks["index"].detail


def test_a_reader_of_another_trail_at_the_same_place_is_not_believed(honest: Any, victim: Any) -> None:
    """What lies there by now has another origin: its records are not those that were asked for."""
    with closing(open_reader(victim.url)) as reader:
        metadata = victim.root / "trail.json"
        metadata.write_text(metadata.read_text().replace(reader.origin, "signalpy.audit/another"))
        task = Run(0, 10, 10, ())
        with crew.Crew(crew.trail_of(reader), [task], 1) as helpers:
            assert [] == list(helpers.found())
            assert [task] == helpers.left()


def test_what_helpers_cannot_read_is_said_as_by_one_process(victim: Any) -> None:
    """A segment that may not be read stops verification with one line."""
    victim.segment.unlink()
    victim.segment.mkdir()
    for processes in (1, 2):
        with pytest.raises(StoreError) as caught:
            victim.report(processes)
        assert "\n" not in str(caught.value)


def test_an_index_elsewhere_is_found_by_helpers(honest: Any, tmp_path: Path) -> None:
    """The place that was given to the reader is given on."""
    for scheme in ("file", "sqlite"):
        place = str(tmp_path / scheme)
        with closing(open_reader(honest[scheme].url, index=place)) as reader:
            assert "there is no index" in verify(reader, processes=2).checks["index"].detail
            reader.reindex()
            assert f"it knows {SIZE} of" in verify(reader, processes=2).checks["index"].detail


def test_a_script_needs_no_guard(honest: Any, tmp_path: Path) -> None:
    """The module that verifies is not run again in the helpers, and none of its output is lost among theirs."""
    script = tmp_path / "script.py"
    program = f"""
        print("once")
        from signalpy_audit_trail.reader import open_trail
        from signalpy_audit_trail.verification import verifier
        verifier.SHARED, verifier._processors = 1, lambda: 2
        with open_trail({honest["file"].url!r}) as trail:
            print(trail.verify().verdict)
    """
    script.write_text(textwrap.dedent(program))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, cwd=tmp_path)
    assert ("once\nholds\n", "", 0) == (done.stdout, done.stderr, done.returncode)


def test_a_helper_that_finds_no_trail_ends() -> None:
    """Where it cannot read the trail it stops by itself, without a word on stderr."""
    helper = subprocess.Popen(
        [sys.executable, "-P", "-m", "signalpy_audit_trail.verification.helper"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert helper.stdin is not None
    _, told = helper.communicate(b'{"url":"file:/nowhere","origin":"x","index":null}\n', timeout=60)
    assert (1, b"") == (helper.returncode, told)


@pytest.mark.parametrize("at", [0, RUN - 1, RUN, 20_000, 2 * RUN])
def test_the_same_is_said_of_a_harmed_trail(victim: Any, at: int) -> None:
    """Word for word, with the index and without."""
    victim.edit(lambda lines: lines.__setitem__(at, lines[at].replace(b'"s', b'"t')))
    for index in (True, False):
        assert victim.report(1, size=RUN, index=index).as_dict() == victim.report(3, size=RUN, index=index).as_dict()
