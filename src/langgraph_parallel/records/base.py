"""The base class of all records, and the type of the JSON data in them."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, JsonValue, SerializationInfo
from pydantic_core import CoreSchema, core_schema

from langgraph_parallel.records.numbers import from_store, to_store


class _Exact:
    """Keeps the integers of JSON data where a checkpoint stores it: those beyond 64 bits as decimals."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(
            from_store,
            handler(source),
            serialization=core_schema.plain_serializer_function_ser_schema(_serialize, info_arg=True),
        )

    def __repr__(self) -> str:
        return "exact"


def _serialize(value: JsonValue, info: SerializationInfo) -> Any:
    return value if info.mode == "json" else to_store(value)


JsonData = Annotated[JsonValue, _Exact()]
"""JSON data that is the same before and after a checkpoint, integers of any length included.

A checkpoint stores what `model_dump()` gives, in which such integers are decimals; JSON has them as they are.
"""


class Record(BaseModel):
    """An immutable value, compared by content, safe to store in a checkpoint; unknown fields are rejected."""

    model_config = ConfigDict(frozen=True, extra="forbid")
