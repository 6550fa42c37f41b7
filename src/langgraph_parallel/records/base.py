"""The base class of all records, and the type of the JSON data in them."""

from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    JsonValue,
    PlainSerializer,
    SerializationInfo,
)

from langgraph_parallel.records.numbers import from_store, to_store


def _serialize(value: JsonValue, info: SerializationInfo) -> Any:
    return value if info.mode == "json" else to_store(value)


class _Exact:
    """Keeps the integers of JSON data where a checkpoint stores it: those beyond 64 bits as decimals."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        return handler.generate_schema(
            Annotated[source, BeforeValidator(from_store), PlainSerializer(_serialize)]
        )

    def __repr__(self) -> str:  # the representation of functions has their addresses in it
        return "exact"


JsonData = Annotated[JsonValue, _Exact()]
"""JSON data that is the same before and after a checkpoint, integers of any length included.

A checkpoint stores what `model_dump()` gives, in which such integers are decimals; JSON has them as they are.
"""


class Record(BaseModel):
    """An immutable value, compared by content, safe to store in a checkpoint; unknown fields are rejected."""

    model_config = ConfigDict(frozen=True, extra="forbid")
