"""The operator's socket: how a running process is asked, over a Unix domain socket, by its own user or root.

One JSON message per line. ``protocol`` is its form, ``server`` answers, ``client`` asks; what the commands mean is the
kernel's business.
"""

from signalpy.control.client import Client
from signalpy.control.errors import ControlError
from signalpy.control.peer import Peer
from signalpy.control.protocol import Request
from signalpy.control.server import Server

__all__ = ["Client", "ControlError", "Peer", "Request", "Server"]
