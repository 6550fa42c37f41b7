"""Checkpoints in a fraction of their size: source code and findings repeat themselves."""

import zlib
from typing import Any

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

_MARK = "+zlib"
"""End of the type of a value that is compressed; values of earlier versions have none."""
_SHORTEST = 256
"""Bytes from which compressing pays."""
_FASTEST = 1


class CompressedSerializer(JsonPlusSerializer):
    """LangGraph's serializer; what it writes is compressed, and what it reads may be."""

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """Return the type of a value and its bytes."""
        kind, data = super().dumps_typed(obj)
        if len(data) < _SHORTEST:
            return kind, data
        return kind + _MARK, zlib.compress(data, _FASTEST)

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """Return the value of a type and bytes."""
        kind, stored = data
        if kind.endswith(_MARK):
            return super().loads_typed((kind.removesuffix(_MARK), zlib.decompress(stored)))
        return super().loads_typed(data)
