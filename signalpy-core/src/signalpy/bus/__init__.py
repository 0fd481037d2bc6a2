"""The bus: carries calls to their runnable and events to their subscribers, past policy, recorders and interceptors."""

from signalpy.bus.delivery import Delivery
from signalpy.bus.dispatcher import Dispatcher
from signalpy.bus.door import Bus
from signalpy.bus.endpoint import Endpoint
from signalpy.bus.tables import Tables

__all__ = ["Bus", "Delivery", "Dispatcher", "Endpoint", "Tables"]
