from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from signalpy_audit_trail.commit import commit
from signalpy_audit_trail.store import StoreBusy
from signalpy_audit_trail.stores.file import FileStore


def test_a_process_that_was_stopped_in_its_turn_is_not_waited_for_without_end(
    root: Path, child: Any, make: Any
) -> None:
    """Others are told in bounded time, and go on by themselves once it runs again."""
    holder = child("hold", root)
    assert holder.stdout.readline() == "held\n"
    holder.send_signal(signal.SIGSTOP)
    with pytest.raises(StoreBusy, match=r"another process holds it; end or resume that process") as caught:
        FileStore(root, wait=0.2)
    assert (True, 0.2) == (caught.value.retry, caught.value.waited)
    holder.send_signal(signal.SIGCONT)
    holder.stdin.write("\n")
    holder.stdin.flush()
    assert holder.stdout.readline() == "released\n"
    store = FileStore(root, wait=10)
    assert commit(store, [make()])[0].seq == 0
    store.close()


def test_a_process_that_ends_gives_its_turn_away(root: Path, child: Any, make: Any) -> None:
    """However a process ends, its turn ends with it."""
    holder = child("hold", root)
    holder.stdout.readline()
    holder.kill()
    store = FileStore(root, wait=10)
    assert commit(store, [make()])[0].seq == 0
    store.close()


@pytest.mark.parametrize("writers", [2, 3, 5])
def test_who_waits_comes_before_who_has_just_been(root: Path, writers: int) -> None:
    """A writer that appends without a pause lets the others in, turn by turn."""
    stores = [FileStore(root, guest=True, wait=30) for _ in range(writers)]
    order: list[int] = []
    gate = threading.Barrier(writers)

    def write(number: int) -> None:
        gate.wait()
        for _ in range(40):
            with stores[number].turn() as turn:
                order.append(number)
                turn.append([b'{"seq":%d,"id":"%d-%d"}' % (turn.size, number, turn.size)])
                time.sleep(0.001)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for store in stores:
        store.close()
    first_done = min(len(order) - order[::-1].index(number) for number in range(writers))
    shares = [order[:first_done].count(number) for number in range(writers)]
    assert min(shares) * 2 > max(shares)
