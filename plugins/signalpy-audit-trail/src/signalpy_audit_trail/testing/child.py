"""What tests do in processes of their own: ``python -m signalpy_audit_trail.testing.child COMMAND JSON``.

Each command opens the trail, prints ``ready``, and waits for a line before it goes on.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Callable
from typing import Any

from signalpy_audit_trail.commit import commit
from signalpy_audit_trail.signing.checkpoint import Checkpoint
from signalpy_audit_trail.store import Store, StoreForked, WriteFailed
from signalpy_audit_trail.stores import open_store
from signalpy_audit_trail.testing.records import draft


def say(*words: object) -> None:
    """Print a line at once."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def opened(url: str, options: dict[str, Any]) -> Store:
    """Open the trail, and wait until the test lets go."""
    store = open_store(url, **options)
    say("ready")
    sys.stdin.readline()
    return store


def append(store: Store, *, name: str, count: int, padding: int) -> None:
    """Append ``count`` records (0: until killed) of ``padding`` bytes, and print the positions of what is durable."""
    number = 0
    while not count or number < count:
        batch = [draft(actor=name, data={"n": number + step, "x": "x" * padding}) for step in range(1 + number % 7)]
        receipts = commit(store, batch[: count - number] if count else batch)
        number += len(receipts)
        say(*(receipt.seq for receipt in receipts))
    store.close()


def sign(store: Store, *, count: int) -> None:
    """Append, ask for the head, keep a checkpoint of it, print size and root, and wait to be killed."""
    commit(store, [draft() for _ in range(count)])
    size, root = store.head()
    text = Checkpoint(store.origin, size, root).text()
    signature = base64.b64encode(bytes(68)).decode()
    store.keep_checkpoint(f"{text}\n— nobody {signature}\n")
    say(size, root.hex())
    sys.stdin.readline()


def fork(store: Store) -> None:
    """Fork, try to write in the child, then write in the parent; print what came of it."""
    commit(store, [draft(data="parent")])
    child = os.fork()
    if child == 0:
        answers = []
        for attempt in (lambda: commit(store, [draft(data="child")]), store.head, lambda: store.keep_checkpoint(NOTE)):
            try:
                attempt()
                answers.append("wrote")
            except StoreForked:
                answers.append("forked")
        store.close()
        say(*answers)
        os._exit(0)
    os.waitpid(child, 0)
    say(*(receipt.seq for receipt in commit(store, [draft(data="parent")])))
    reader = store.reader()
    say(*(json.loads(leaf)["data"] for _seq, leaf in reader.leaves()))
    reader.close()
    store.close()


def fill(store: Store, *, full_disk: str, spare: int, place: str) -> None:
    """Append until there is no room, then where there is room again; print what was told and what is there, as JSON."""
    module, _, name = full_disk.partition(":")
    full = getattr(__import__(module, fromlist=[name]), name)
    told: dict[str, Any] = {"kept": [], "error": None, "again": None}

    def write() -> None:
        told["kept"] += [receipt.seq for receipt in commit(store, [draft(data="x" * 700) for _ in range(9)])]

    write()
    with full(place, spare):
        for attempt in ("error", "again"):
            try:
                for _ in range(1000):
                    write()
            except WriteFailed as error:
                told[attempt] = str(error)
        reader = store.reader()
        told["readable"] = [seq for seq, _leaf in reader.leaves()]
    write()
    write()
    told["size"] = store.size
    reader.close()
    store.close()
    say(json.dumps(told))


NOTE = f"a\n0\n{base64.b64encode(bytes(32)).decode()}\n\n— nobody {base64.b64encode(bytes(68)).decode()}\n"
_COMMANDS: dict[str, Callable[..., None]] = {"append": append, "sign": sign, "fork": fork, "fill": fill}


def main() -> None:
    """Do what the command line says."""
    given = json.loads(sys.argv[2])
    _COMMANDS[sys.argv[1]](opened(given.pop("url"), given.pop("options")), **given)


if __name__ == "__main__":
    main()
