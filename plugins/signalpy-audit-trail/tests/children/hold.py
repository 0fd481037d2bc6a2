"""Hold the turn of a trail until a line comes, or this process is ended or stopped. Arguments: the trail's folder."""

import sys
from pathlib import Path

from signalpy_audit_trail.stores.file import FileStore

store = FileStore(Path(sys.argv[1]), guest=True)
with store.turn():
    print("held", flush=True)
    sys.stdin.readline()
print("released", flush=True)
sys.stdin.readline()
store.close()
