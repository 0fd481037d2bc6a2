"""What is published of notifications, typed."""

from __future__ import annotations

from pydantic import Field

from signalpy import Event


class NotificationFailed(Event, type="notification.failed", version=1):
    """A channel did not take a notification."""

    user: str = Field(description="who was to be told")
    channel: str | None = Field(description="which channel, without anything secret")
