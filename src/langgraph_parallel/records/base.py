"""What all records share: they are frozen, and refuse fields that they do not know."""

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A value of the domain: immutable, compared by content, safe to keep in a checkpoint."""

    model_config = ConfigDict(frozen=True, extra="forbid")
