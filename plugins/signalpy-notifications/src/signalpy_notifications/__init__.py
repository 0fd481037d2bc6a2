"""Notifications as a SignalPy component: e-mail and over a hundred other channels through Apprise."""

from signalpy_notifications.errors import DeliveryFailed, MalformedTransfer
from signalpy_notifications.events import NotificationFailed
from signalpy_notifications.params import SendParams
from signalpy_notifications.service import NotificationService
from signalpy_notifications.settings import NotificationSettings

__all__ = [
    "DeliveryFailed",
    "MalformedTransfer",
    "NotificationFailed",
    "NotificationService",
    "NotificationSettings",
    "SendParams",
]
