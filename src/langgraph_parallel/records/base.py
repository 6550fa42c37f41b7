"""The base class of all records."""

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """An immutable value, compared by content, safe to store in a checkpoint; unknown fields are rejected."""

    model_config = ConfigDict(frozen=True, extra="forbid")
