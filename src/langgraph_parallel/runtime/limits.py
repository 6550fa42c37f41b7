"""What bounds a run. Values only; the code that obeys them reads them from here."""

from pydantic import Field

from langgraph_parallel.records.base import Record


class Limits(Record):
    """Bounds of the calls and of the work of one run."""

    call_timeout: float = Field(
        120.0, gt=0, title="Timeout per call", description="Seconds for one request to a model."
    )
    attempts: int = Field(
        4, ge=1, le=20, title="Attempts", description="Requests for one answer, the first one included."
    )
    backoff: float = Field(
        0.5,
        ge=0,
        title="Backoff",
        description="Seconds before the first retry; doubled for each further one.",
    )
    retry_after_ceiling: float = Field(
        60.0,
        ge=0,
        title="Longest Retry-After",
        description="A server that asks for a longer pause ends the call.",
    )
    concurrency: int = Field(
        64, ge=1, title="Concurrency", description="Requests in flight for one model of one endpoint."
    )
    section_tokens: int = Field(
        6000,
        ge=200,
        title="Tokens per section",
        description="Ceiling for the material in one prompt, estimated.",
    )
    sections: int = Field(
        1000,
        ge=1,
        title="Sections",
        description="Branches of one fan-out; what is left over is reported as missing.",
    )
