"""Append records without an end, a few at a time, and print the position of each once it is durable.

Arguments: the folder of the trail, a name, how many to append (0: until killed), bytes of padding.
"""

import sys
from pathlib import Path

import msgspec
import uuid_utils

from signalpy_audit_trail.commit import commit
from signalpy_audit_trail.draft import Draft
from signalpy_audit_trail.stores.file import FileStore


def record(name: str, number: int, padding: int) -> Draft:
    id = str(uuid_utils.uuid7())
    fields = {"id": id, "kind": "event", "action": "a", "outcome": "success", "actor": name, "data": {"n": number}}
    return Draft(id=id, body=msgspec.json.encode({**fields, "padding": "x" * padding}))


def main(root: str, name: str, count: int, padding: int) -> None:
    store = FileStore(Path(root), segment_bytes=200_000)
    print("open", flush=True)
    sys.stdin.readline()
    number = 0
    while not count or number < count:
        batch = [record(name, number + step, padding) for step in range(1 + number % 7)]
        receipts = commit(store, batch[: count - number] if count else batch)
        number += len(receipts)
        print(*(receipt.seq for receipt in receipts), flush=True)
    store.close()


main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
