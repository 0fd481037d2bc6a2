"""What the runnable takes."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictStr


class SendParams(BaseModel):
    """Whom to tell what."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    user: StrictStr = Field(min_length=1, description="who is told")
    message: StrictStr = Field(min_length=1, description="what")
    wait: StrictBool = Field(default=True, description="wait for the channels' answers; else delivery goes on behind")
