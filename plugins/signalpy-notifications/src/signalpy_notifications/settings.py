"""The component's configuration table, ``[notifications]``."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from signalpy import ConfigError
from signalpy_notifications.secrecy import scheme_of


class NotificationSettings(BaseModel):
    """Settings of notifications."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    urls: tuple[SecretStr, ...] = Field(
        default=(), description="Apprise URLs; every notification goes to each. Without one they stay in memory"
    )
    timeout: float = Field(default=15.0, gt=0, le=600, description="seconds that a channel gets for one notification")
    pace: float | None = Field(
        default=None,
        ge=0,
        le=3600,
        description="seconds between two messages to a channel; else what suits its service",
    )
    queue_size: int = Field(default=1000, ge=1, description="notifications that wait for one channel")
    drain: float = Field(default=8.0, ge=0, le=600, description="seconds that the queues get when the component stops")
    keep: int = Field(default=1000, ge=1, description="how many of the latest notifications `sent` keeps")

    @field_validator("urls")
    @classmethod
    def _are_urls(cls, urls: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for position, url in enumerate(urls):
            if scheme_of(url.get_secret_value()) is None:
                expected = 'an Apprise URL, e.g. "mailtos://user:password@mail.example.com"'
                raise ConfigError(f"number {position + 1} is no URL: expected {expected}", key="urls")
        return urls

    @model_validator(mode="after")
    def _in_time(self) -> Self:
        if self.pace is not None and self.pace >= self.timeout:
            raise ConfigError(f"pace ({self.pace:g} s) must be less than timeout ({self.timeout:g} s)", key="pace")
        return self
